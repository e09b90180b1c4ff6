//! An HTTP server that answers every request at once and counts them, in a process of its own: a provider or a service's
//! callback endpoint that costs next to nothing.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::children;

const RESPONSE: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

/// Where the receiver listens.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Receiver {
    pub(crate) port: u16,
}

/// Runs in the child: replies with its address, then with the number of requests so far for each line of input.
pub(crate) async fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    children::reply(&Receiver { port })?;
    let received = Arc::new(AtomicU64::new(0));
    let counter = received.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that goes away ends its own connection only.
            tokio::spawn(answer_all(stream, counter.clone()));
        }
    });
    while children::wait_for_a_line().await? {
        children::reply(&received.load(Ordering::Relaxed))?;
    }
    Ok(())
}

async fn answer_all(mut stream: TcpStream, received: Arc<AtomicU64>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut input = Vec::with_capacity(8 << 10);
    loop {
        while let Some(length) = request_length(&input) {
            input.drain(..length);
            received.fetch_add(1, Ordering::Relaxed);
            stream.write_all(RESPONSE).await?;
        }
        if stream.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
    }
}

/// Returns the length of the first request, or `None` as long as it is incomplete.
fn request_length(input: &[u8]) -> Option<usize> {
    let head = input.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let length = head + children::content_length(&input[..head]).unwrap_or(0);
    (input.len() >= length).then_some(length)
}
