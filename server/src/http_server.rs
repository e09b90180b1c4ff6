//! HTTP/1.1 connections: accepted until shutdown, each served in a task of its own. A connection that does not send its
//! headers in time is closed, so that idle clients do not hold resources.

use std::{io, pin::pin, time::Duration};

use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

/// Maximum number of headers in a request (`docs/spec/public-api.md` §2.5).
const MAX_HEADERS: usize = 100;
const ACCEPT_RETRY_DELAY: Duration = Duration::from_secs(1);

/// Serves connections from `listener` until `stop` is cancelled, then closes the listener and returns when all running
/// requests have finished.
pub(crate) async fn serve(
    listener: TcpListener,
    router: axum::Router,
    header_timeout: Duration,
    stop: CancellationToken,
) {
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let (router, stop) = (router.clone(), stop.clone());
                connections.spawn(serve_connection(stream, router, header_timeout, stop));
            }
            // The client closed the connection while it waited to be accepted.
            Err(error) if is_client_error(&error) => {}
            Err(error) => {
                // Most likely the process has no file descriptor left; without the delay this would loop at full speed.
                warn!("cannot accept a connection, will retry in a second: {error}");
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = tokio::time::sleep(ACCEPT_RETRY_DELAY) => {}
                }
            }
        }
    }
    // New connections are refused while running requests finish, so that a load balancer moves on.
    drop(listener);
    connections.close();
    connections.wait().await;
}

fn is_client_error(error: &io::Error) -> bool {
    matches!(
        error.kind(),
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
    // Responses are small: waiting to fill a packet would only add latency.
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
            // Finishes the running request; an idle connection closes at once.
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!("a connection ended early: {error}");
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, routing::get};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(1);

    struct TestServer {
        address: std::net::SocketAddr,
        stop: CancellationToken,
        served: tokio::task::JoinHandle<()>,
    }

    async fn start_server() -> TestServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let router = Router::new().route("/", get(async || "hello"));
        let served = tokio::spawn(serve(listener, router, TIMEOUT, stop.clone()));
        TestServer {
            address,
            stop,
            served,
        }
    }

    /// Returns everything that the server sends until it closes the connection.
    async fn response_to(server: &TestServer, request: &str) -> String {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut response = Vec::new();
        stream.read_to_end(&mut response).await.unwrap();
        String::from_utf8(response).unwrap()
    }

    const COMPLETE: &str = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

    #[tokio::test]
    async fn a_connection_without_complete_headers_is_closed() {
        let server = start_server().await;
        for partial in ["", "GET / HTTP/1.1\r\nhost: a\r\nx-slow: "] {
            assert!(
                !response_to(&server, partial).await.contains("hello"),
                "{partial}"
            );
        }
        assert!(response_to(&server, COMPLETE).await.ends_with("hello"));
    }

    #[tokio::test]
    async fn a_thousand_idle_connections_do_not_block_others() {
        let server = start_server().await;
        let mut idle = Vec::new();
        for _ in 0..1000 {
            idle.push(TcpStream::connect(server.address).await.unwrap());
        }
        assert!(response_to(&server, COMPLETE).await.ends_with("hello"));
        for mut stream in idle {
            assert_eq!(
                stream.read(&mut [0; 1]).await.unwrap_or(0),
                0,
                "it is closed"
            );
        }
    }

    #[tokio::test]
    async fn more_than_a_hundred_headers_are_rejected() {
        let server = start_server().await;
        let many = (0..101).fold(String::new(), |all, number| {
            all + &format!("x-{number}: 1\r\n")
        });
        let response = response_to(&server, &format!("GET / HTTP/1.1\r\n{many}\r\n")).await;
        assert!(response.starts_with("HTTP/1.1 4"), "{response}");
    }

    #[tokio::test]
    async fn shutdown_closes_idle_connections() {
        let server = start_server().await;
        let _idle = TcpStream::connect(server.address).await.unwrap();
        server.stop.cancel();
        server.served.await.unwrap();
    }
}
