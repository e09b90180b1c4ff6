//! Connections: taken as they come, each served until it ends. One that does not bring its headers in time is closed,
//! so that those who only hold a line cannot hold it for long, and none of them is in another's way.

use std::{io, pin::pin, time::Duration};

use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

/// The most headers that a request may have (`docs/spec/public-api.md` §2.5).
const MAX_HEADERS: usize = 100;
/// How long to wait when no connection can be taken, as when the process has no file handle left.
const PAUSE: Duration = Duration::from_secs(1);

/// Answers on `listener` until `stop`; then takes no more connections and finishes the requests that are in hand.
pub(crate) async fn serve(
    listener: TcpListener,
    router: axum::Router,
    header_timeout: Duration,
    stop: CancellationToken,
) {
    let connections = TaskTracker::new();
    loop {
        let taken = tokio::select! {
            () = stop.cancelled() => break,
            taken = listener.accept() => taken,
        };
        match taken {
            Ok((stream, _)) => {
                let (router, stop) = (router.clone(), stop.clone());
                connections.spawn(serve_connection(stream, router, header_timeout, stop));
            }
            Err(fault) if is_of_the_other_end(&fault) => {}
            Err(fault) => {
                warn!("cannot take a connection, will try again in a second: {fault}");
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

fn is_of_the_other_end(fault: &io::Error) -> bool {
    matches!(
        fault.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

async fn serve_connection(
    stream: TcpStream,
    router: axum::Router,
    header_timeout: Duration,
    stop: CancellationToken,
) {
    // Answers are small and wanted at once.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(fault) = ended {
        debug!("a connection ended early: {fault}");
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, routing::get};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(1);

    struct Door {
        address: std::net::SocketAddr,
        stop: CancellationToken,
        served: tokio::task::JoinHandle<()>,
    }

    async fn open() -> Door {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let router = Router::new().route("/", get(async || "hello"));
        let served = tokio::spawn(serve(listener, router, PATIENCE, stop.clone()));
        Door {
            address,
            stop,
            served,
        }
    }

    /// What comes back until the other end closes.
    async fn said(door: &Door, request: &str) -> String {
        let mut stream = TcpStream::connect(door.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8(answer).unwrap()
    }

    const COMPLETE: &str = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

    #[tokio::test]
    async fn a_request_whose_headers_do_not_come_is_let_go() {
        let door = open().await;
        for begun in ["", "GET / HTTP/1.1\r\nhost: a\r\nx-slow: "] {
            assert!(!said(&door, begun).await.contains("hello"), "{begun}");
        }
        assert!(said(&door, COMPLETE).await.ends_with("hello"));
    }

    #[tokio::test]
    async fn a_thousand_idle_connections_are_in_nobodys_way() {
        let door = open().await;
        let mut idle = Vec::new();
        for _ in 0..1000 {
            idle.push(TcpStream::connect(door.address).await.unwrap());
        }
        assert!(said(&door, COMPLETE).await.ends_with("hello"));
        for mut stream in idle {
            assert_eq!(
                stream.read(&mut [0; 1]).await.unwrap_or(0),
                0,
                "it is closed"
            );
        }
    }

    #[tokio::test]
    async fn more_headers_than_a_hundred_are_refused() {
        let door = open().await;
        let many = (0..101).fold(String::new(), |all, number| {
            all + &format!("x-{number}: 1\r\n")
        });
        let answer = said(&door, &format!("GET / HTTP/1.1\r\n{many}\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    }

    #[tokio::test]
    async fn a_stop_lets_go_of_idle_connections() {
        let door = open().await;
        let _idle = TcpStream::connect(door.address).await.unwrap();
        door.stop.cancel();
        door.served.await.unwrap();
    }
}
