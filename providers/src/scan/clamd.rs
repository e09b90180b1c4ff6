//! The daemon of `ClamAV`, over a socket: the file is sent in pieces (`INSTREAM`), and one line comes back. It needs no
//! access to our files, and we none to its.

use std::{path::PathBuf, time::Duration};

use async_trait::async_trait;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpStream, UnixStream},
    time::timeout,
};

use super::{Finding, ScanError, Scanner};
use crate::SettingsError;

/// The daemon closes the connection when a piece is larger than its own limit for the whole file.
const PIECE_BYTES: usize = 64 << 10;
/// An answer is one line.
const MAX_ANSWER_BYTES: u64 = 4096;
/// Connecting, sending and scanning together.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running `clamd`.
#[derive(Debug, Clone)]
pub struct Clamd(Place);

#[derive(Debug, Clone)]
enum Place {
    Tcp(String),
    Unix(PathBuf),
}

impl Clamd {
    /// The daemon at `tcp:<host>:<port>` or `unix:<path>`; it is first spoken to when there is a file.
    pub fn at(address: &str) -> Result<Self, SettingsError> {
        let place = if let Some(path) = address
            .strip_prefix("unix:")
            .filter(|path| !path.is_empty())
        {
            Place::Unix(path.into())
        } else if let Some(host) = address
            .strip_prefix("tcp:")
            .map(|host| host.trim_start_matches("//"))
            .filter(|host| host.contains(':'))
        {
            Place::Tcp(host.to_owned())
        } else {
            return Err(SettingsError::Wrong {
                provider: "clamd".to_owned(),
                setting: "virus_scanner",
                why: "use tcp:<host>:<port> or unix:<path of the socket>".to_owned(),
            });
        };
        Ok(Self(place))
    }

    async fn ask(&self, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
        match &self.0 {
            Place::Tcp(address) => stream(TcpStream::connect(address).await?, bytes).await,
            Place::Unix(path) => stream(UnixStream::connect(path).await?, bytes).await,
        }
    }
}

/// Sends the file and reads the answer. A daemon that has seen enough answers before the end and hangs up.
async fn stream(
    mut socket: impl AsyncRead + AsyncWrite + Unpin,
    bytes: &[u8],
) -> std::io::Result<Vec<u8>> {
    let sent = send(&mut socket, bytes).await;
    let mut answer = Vec::new();
    let read = socket.take(MAX_ANSWER_BYTES).read_to_end(&mut answer).await;
    if answer.is_empty() {
        sent?;
        read?;
    }
    Ok(answer)
}

async fn send(socket: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> std::io::Result<()> {
    socket.write_all(b"zINSTREAM\0").await?;
    for piece in bytes.chunks(PIECE_BYTES) {
        let length = u32::try_from(piece.len()).expect("a piece is small");
        socket.write_all(&length.to_be_bytes()).await?;
        socket.write_all(piece).await?;
    }
    socket.write_all(&0u32.to_be_bytes()).await?;
    socket.flush().await
}

#[async_trait]
impl Scanner for Clamd {
    async fn scan(&self, bytes: &[u8]) -> Result<Finding, ScanError> {
        let answer = match timeout(PATIENCE, self.ask(bytes)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => return Err(ScanError::new("no connection to clamd, or it broke")),
            Err(_) => return Err(ScanError::new("clamd did not answer in time")),
        };
        // `stream: OK`, `stream: <name> FOUND`, or `<what> ERROR`; the end may be a NUL or a newline.
        let answer = String::from_utf8_lossy(&answer);
        let line = answer.trim_end_matches(['\0', '\n', '\r']);
        if line.ends_with(" FOUND") {
            Ok(Finding::Virus)
        } else if line == "stream: OK" {
            Ok(Finding::Clean)
        } else if line.starts_with("INSTREAM size limit exceeded") {
            Err(ScanError::new(
                "the file is larger than clamd takes: raise its StreamMaxLength",
            ))
        } else {
            Err(ScanError::new("clamd answered neither OK nor FOUND"))
        }
    }
}
