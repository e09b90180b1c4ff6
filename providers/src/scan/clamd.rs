//! `ClamAV`'s daemon, over a socket: the file is streamed in chunks (`INSTREAM`), so that neither side needs access to the
//! other's files.

use std::{path::PathBuf, time::Duration};

use async_trait::async_trait;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpStream, UnixStream},
    time::timeout,
};

use super::{ScanError, ScanResult, Scanner};
use crate::SettingsError;

/// Well below the daemon's default limits, at which it closes the connection.
const CHUNK_BYTES: usize = 64 << 10;
/// A reply is one line.
const MAX_REPLY_BYTES: u64 = 4096;
/// For connecting, sending and scanning together.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A running `clamd`.
#[derive(Debug, Clone)]
pub struct Clamd(Address);

#[derive(Debug, Clone)]
enum Address {
    Tcp(String),
    Unix(PathBuf),
}

impl Clamd {
    /// Creates a client of the daemon at `tcp:<host>:<port>` or `unix:<path>`. Connects for each file.
    pub fn at(address: &str) -> Result<Self, SettingsError> {
        let parsed = if let Some(path) = address
            .strip_prefix("unix:")
            .filter(|path| !path.is_empty())
        {
            Address::Unix(path.into())
        } else if let Some(host) = address
            .strip_prefix("tcp:")
            .map(|host| host.trim_start_matches("//"))
            .filter(|host| host.contains(':'))
        {
            Address::Tcp(host.to_owned())
        } else {
            return Err(SettingsError::invalid(
                "clamd",
                "virus_scanner",
                "use tcp:<host>:<port> or unix:<path of the socket>",
            ));
        };
        Ok(Self(parsed))
    }

    async fn exchange(&self, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
        match &self.0 {
            Address::Tcp(address) => stream(TcpStream::connect(address).await?, bytes).await,
            Address::Unix(path) => stream(UnixStream::connect(path).await?, bytes).await,
        }
    }
}

/// Sends the file and reads the reply.
async fn stream(
    mut socket: impl AsyncRead + AsyncWrite + Unpin,
    bytes: &[u8],
) -> std::io::Result<Vec<u8>> {
    // The daemon may reply and close the connection before the end of the file, so an error of sending matters only if there
    // is no reply.
    let sent = send(&mut socket, bytes).await;
    let mut reply = Vec::new();
    let read = socket.take(MAX_REPLY_BYTES).read_to_end(&mut reply).await;
    if reply.is_empty() {
        sent?;
        read?;
    }
    Ok(reply)
}

async fn send(socket: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> std::io::Result<()> {
    socket.write_all(b"zINSTREAM\0").await?;
    for chunk in bytes.chunks(CHUNK_BYTES) {
        let length = u32::try_from(chunk.len()).expect("a chunk is small");
        socket.write_all(&length.to_be_bytes()).await?;
        socket.write_all(chunk).await?;
    }
    socket.write_all(&0u32.to_be_bytes()).await?;
    socket.flush().await
}

#[async_trait]
impl Scanner for Clamd {
    async fn scan(&self, bytes: &[u8]) -> Result<ScanResult, ScanError> {
        let answer = match timeout(TIMEOUT, self.exchange(bytes)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => return Err(ScanError::new("no connection to clamd, or it broke")),
            Err(_) => return Err(ScanError::new("clamd did not answer in time")),
        };
        // `stream: OK`, `stream: <name> FOUND`, or `<what> ERROR`; the end may be a NUL or a newline.
        let answer = String::from_utf8_lossy(&answer);
        let line = answer.trim_end_matches(['\0', '\n', '\r']);
        if line.ends_with(" FOUND") {
            Ok(ScanResult::Virus)
        } else if line == "stream: OK" {
            Ok(ScanResult::Clean)
        } else if line.starts_with("INSTREAM size limit exceeded") {
            Err(ScanError::new(
                "the file is larger than clamd takes: raise its StreamMaxLength",
            ))
        } else {
            Err(ScanError::new("clamd answered neither OK nor FOUND"))
        }
    }
}
