//! HTTP/1.1 connections: accepted until shutdown, each served in a task of its own. Their number is bounded, and clients
//! that do not send their headers or take their response in time are disconnected, so that no client can hold them all.

mod connections;
mod stream;

use std::{
    convert::Infallible,
    io::{self, Write as _},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use api::PeerAddress;
use futures::FutureExt as _;
use http::{HeaderValue, Request, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;
use tracing::{debug, warn};

use connections::{Admitted, Connections};
use stream::{MeteredStream, ObservedBody};

/// Maximum number of headers in a request (`docs/spec/public-api.md` §2.5).
const MAX_HEADERS: usize = 100;
/// The most that a connection has in memory of what its client sends: the headers of a request together, and what has
/// arrived of a body that nothing reads yet.
const MAX_BUFFER_BYTES: usize = 64 << 10;
const ACCEPT_RETRY_DELAY: Duration = Duration::from_secs(1);
/// What a client gets that cannot have a connection. Errors of the API have this shape where they have no other.
const NO_ROOM: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\n\
    content-type: application/json\r\ncontent-length: 63\r\n\r\n\
    {\"message\":\"Too many connections, try again\",\"result\":\"error\"}\n";

/// What clients may take of a listener.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How long a connection may take to send the headers of its next request.
    pub(crate) header_timeout: Duration,
    /// How slowly a response may be taken.
    pub(crate) least_bytes_per_second: u64,
    /// Number of open connections.
    pub(crate) connections: usize,
    /// How long connections without a request stay open during shutdown.
    pub(crate) drain: Duration,
}

/// Serves connections from `listener` until `stop` is cancelled, then closes the listener and returns when all running
/// requests have finished.
pub(crate) async fn serve(
    listener: TcpListener,
    router: axum::Router,
    limits: Limits,
    stop: CancellationToken,
) {
    let server = Server {
        router,
        limits,
        connections: Connections::new(limits.connections),
        tasks: TaskTracker::new(),
        stop,
    };
    server.accept_until_stopped(&listener).await;
    // Clients whose connection the kernel accepted already have no reason to connect to another process.
    while let Some(Ok((stream, _))) = listener.accept().now_or_never() {
        server.admit(stream);
    }
    // New connections are refused while running requests finish, so that a load balancer moves on.
    drop(listener);
    server.tasks.close();
    server.tasks.wait().await;
}

struct Server {
    router: axum::Router,
    limits: Limits,
    connections: Arc<Connections>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Server {
    async fn accept_until_stopped(&self, listener: &TcpListener) {
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    self.admit(stream);
                    if self.connections.are_closing() {
                        // Lets the evicted ones close, so that a burst does not count them as open.
                        tokio::task::yield_now().await;
                    }
                }
                // The client closed the connection while it waited to be accepted.
                Err(error) if is_client_error(&error) => {}
                Err(error) => {
                    // Most likely the process has no file descriptor left; without the delay this would loop at full speed.
                    warn!("cannot accept a connection, will retry in a second: {error}");
                    tokio::select! {
                        () = self.stop.cancelled() => return,
                        () = tokio::time::sleep(ACCEPT_RETRY_DELAY) => {}
                    }
                }
            }
        }
    }

    /// Serves a connection in a task of its own, if there is room for it.
    fn admit(&self, stream: TcpStream) {
        // It fails if the client has gone already.
        let Ok(address) = stream.peer_addr() else {
            return;
        };
        let Some(admitted) = self.connections.admit(address.ip()) else {
            refuse(stream);
            return;
        };
        let (router, limits, stop) = (self.router.clone(), self.limits, self.stop.clone());
        let client = Client {
            address: PeerAddress(address.ip()),
            admitted,
        };
        self.tasks
            .spawn(serve_connection(stream, client, router, limits, stop));
    }
}

/// The client of a connection.
struct Client {
    address: PeerAddress,
    admitted: Admitted,
}

/// Answers with 503 and closes the connection, without waiting for anything.
fn refuse(stream: TcpStream) {
    metrics::counter!("pillarbox_connections_refused_total").increment(1);
    // Not as a task: that would be another connection. The answer fits into the empty buffer of the kernel.
    if let Ok(mut stream) = stream.into_std() {
        let _ = stream.write_all(NO_ROOM);
    }
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
    client: Client,
    router: axum::Router,
    limits: Limits,
    stop: CancellationToken,
) {
    // Responses are small: waiting to fill a packet would only add latency.
    let _ = stream.set_nodelay(true);
    let activity = &client.admitted.activity;
    let stream = MeteredStream::new(stream, limits.least_bytes_per_second, Arc::clone(activity));
    let service = service_fn(|request: Request<Incoming>| {
        let (router, stop) = (router.clone(), stop.clone());
        let activity = Arc::clone(activity);
        async move {
            activity.set_working(true);
            let observed = |body| ObservedBody {
                body,
                activity: Arc::clone(&activity),
            };
            let mut request = request.map(observed);
            request.extensions_mut().insert(client.address);
            let mut response = router.oneshot(request).await?;
            activity.set_working(false);
            if stop.is_cancelled() {
                // The client hears of it here, and sends its next request to another process.
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
            Ok::<_, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let drained = async {
        stop.cancelled().await;
        tokio::time::sleep(limits.drain).await;
    };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = activity.evicted() => {
            metrics::counter!("pillarbox_connections_evicted_total").increment(1);
            return;
        }
        () = drained => {
            // Finishes the running request; an idle connection closes at once. Closing it any sooner would lose the
            // request that its client may be sending just now.
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

    const LIMITS: Limits = Limits {
        header_timeout: TIMEOUT,
        least_bytes_per_second: 500,
        connections: 2000,
        drain: Duration::ZERO,
    };

    async fn start_server() -> TestServer {
        start_with(LIMITS).await
    }

    async fn start_with(limits: Limits) -> TestServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let large = "x".repeat(50_000_000);
        let router = Router::new()
            .route("/", get(async || "hello"))
            .route("/large", get(async move || large.clone()));
        let served = tokio::spawn(serve(listener, router, limits, stop.clone()));
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

    /// Sends a request and reads the head of the response.
    async fn head_of_response(stream: &mut TcpStream, request: &str) -> String {
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = vec![0; 4096];
        let length = stream.read(&mut head).await.unwrap();
        String::from_utf8_lossy(&head[..length]).into_owned()
    }

    #[tokio::test]
    async fn stalled_connections_make_room_for_others() {
        let server = start_with(Limits {
            connections: 16,
            header_timeout: Duration::from_hours(1),
            ..LIMITS
        })
        .await;
        let mut stalled = Vec::new();
        for _ in 0..200 {
            let mut stream = TcpStream::connect(server.address).await.unwrap();
            let _ = stream.write_all(b"GET / HTTP/1.1\r\nx-slow: ").await;
            stalled.push(stream);
        }
        assert!(response_to(&server, COMPLETE).await.ends_with("hello"));
        assert_eq!(
            stalled[0].read(&mut [0; 1]).await.unwrap_or(0),
            0,
            "the first one was closed"
        );
    }

    #[tokio::test]
    async fn a_client_that_takes_no_response_is_disconnected() {
        let server = start_with(Limits {
            // More than loopback carries: the window of twenty seconds is the only time to wait for.
            least_bytes_per_second: u64::MAX,
            ..LIMITS
        })
        .await;
        let mut stalled = TcpStream::connect(server.address).await.unwrap();
        head_of_response(&mut stalled, "GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await;
        // Runs out of things to do otherwise, so the clock jumps to the end of the window.
        tokio::time::pause();
        server.stop.cancel();
        server.served.await.unwrap();
    }

    #[tokio::test]
    async fn the_last_response_before_a_shutdown_says_so() {
        let server = start_with(Limits {
            drain: Duration::from_mins(1),
            ..LIMITS
        })
        .await;
        let request = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
        let mut used = TcpStream::connect(server.address).await.unwrap();
        assert!(!head_of_response(&mut used, request).await.contains("close"));
        let mut waiting = TcpStream::connect(server.address).await.unwrap();
        server.stop.cancel();
        for stream in [&mut used, &mut waiting] {
            let response = head_of_response(stream, request).await;
            assert!(response.starts_with("HTTP/1.1 200"), "{response}");
            assert!(response.contains("connection: close"), "{response}");
        }
        server.served.await.unwrap();
    }
}
