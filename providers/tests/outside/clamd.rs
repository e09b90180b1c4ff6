//! The daemon of `ClamAV`, against a small server that speaks its protocol on a real socket.

use pillarbox_providers::{ScanError, ScanResult, Scanner, scan::Clamd};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, UnixListener},
};

/// Reads one file as the daemon does; `None` if what came is not the protocol.
async fn read(socket: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let mut command = [0; 10];
    socket.read_exact(&mut command).await.ok()?;
    if &command != b"zINSTREAM\0" {
        return None;
    }
    let mut file = Vec::new();
    loop {
        let length = socket.read_u32().await.ok()? as usize;
        if length == 0 {
            return Some(file);
        }
        let start = file.len();
        file.resize(start + length, 0);
        socket.read_exact(&mut file[start..]).await.ok()?;
    }
}

/// Answers one file: it knows one virus, the word `virus`.
async fn answer(mut socket: impl AsyncRead + AsyncWrite + Unpin) {
    let answer: &[u8] = match read(&mut socket).await {
        None => b"UNKNOWN COMMAND\0",
        Some(file) if file.windows(5).any(|word| word == b"virus") => {
            b"stream: Test-Signature FOUND\0"
        }
        Some(file) if file.len() > 1_000_000 => b"INSTREAM size limit exceeded. ERROR\0",
        Some(_) => b"stream: OK\0",
    };
    let _ = socket.write_all(answer).await;
}

async fn daemon() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("tcp:{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(answer(socket));
        }
    });
    address
}

#[tokio::test]
async fn a_file_is_sent_in_pieces_and_the_daemon_says_what_it_found() {
    let clamd = Clamd::at(&daemon().await).unwrap();
    assert_eq!(clamd.scan(b"").await, Ok(ScanResult::Clean));
    assert_eq!(
        clamd.scan(&vec![b'a'; 200_000]).await,
        Ok(ScanResult::Clean)
    );
    let mut infected = vec![b'a'; 200_000];
    infected.extend(b"virus");
    assert_eq!(clamd.scan(&infected).await, Ok(ScanResult::Virus));
    let too_large = clamd.scan(&vec![b'a'; 1_000_001]).await.unwrap_err();
    assert!(too_large.to_string().contains("StreamMaxLength"));
}

#[tokio::test]
async fn the_daemon_may_be_at_a_socket_of_the_machine() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("clamd.ctl");
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            answer(socket).await;
        }
    });
    let clamd = Clamd::at(&format!("unix:{}", path.display())).unwrap();
    assert_eq!(clamd.scan(b"a virus").await, Ok(ScanResult::Virus));
}

#[tokio::test]
async fn a_daemon_that_is_away_or_hangs_up_says_nothing_about_the_file() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("tcp:{}", listener.local_addr().unwrap());
    let clamd = Clamd::at(&address).unwrap();
    tokio::spawn(async move {
        // The first caller is hung up on; then nobody listens.
        let _ = listener.accept().await;
    });
    for _ in 0..2 {
        let outcome: Result<ScanResult, ScanError> = clamd.scan(b"abc").await;
        assert!(outcome.is_err(), "{outcome:?}");
    }
}

#[test]
fn an_address_that_makes_no_sense_is_refused_in_words() {
    for address in ["", "clamd", "tcp:", "tcp:host", "unix:"] {
        let error = Clamd::at(address).unwrap_err().to_string();
        assert!(error.contains("use tcp:<host>:<port>"), "{error}");
    }
}
