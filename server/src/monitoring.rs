//! The listener for monitors: health, metrics and live counts at an address of their own. It has a thread, connections
//! and a runtime of its own, so that it answers when the public listener is full or the worker threads are busy.

use std::time::Duration;

use anyhow::Context as _;
use axum::{
    extract::Request,
    middleware::{Next, from_fn},
    response::{IntoResponse as _, Response},
};
use http::{StatusCode, header};
use tokio::{net::TcpListener, runtime::Handle};
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::http_server::{self, Limits};

const LIMITS: Limits = Limits {
    header_timeout: Duration::from_secs(15),
    least_bytes_per_second: 500,
    connections: 64,
    // Monitors ask again, so a shutdown does not wait for them.
    drain: Duration::ZERO,
};
/// How long a question to the database may take. Monitors give up sooner than the clients of the API.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// The running listener, until it is dropped.
#[derive(Debug)]
pub(crate) struct Monitoring {
    stop: CancellationToken,
}

impl Monitoring {
    /// Serves `router` on a thread of its own. Call it on the runtime of the platform.
    pub(crate) fn start(listener: TcpListener, router: axum::Router) -> anyhow::Result<Self> {
        let stop = CancellationToken::new();
        let listener = listener.into_std().context("cannot move the listener")?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let platform = Handle::current();
        let router = router.layer(from_fn(move |request, next| {
            answer(platform.clone(), request, next)
        }));
        let stopped = stop.clone();
        let serve = async move {
            match TcpListener::from_std(listener) {
                Ok(listener) => http_server::serve(listener, router, LIMITS, stopped).await,
                Err(error) => error!("cannot serve metrics and health: {error}"),
            }
        };
        std::thread::Builder::new()
            .name("monitoring".to_owned())
            .spawn(move || runtime.block_on(serve))?;
        Ok(Self { stop })
    }
}

impl Drop for Monitoring {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Answers on this thread what needs no database, and asks the platform for the rest.
async fn answer(platform: Handle, request: Request, next: Next) -> Response {
    let uri = request.uri();
    let needs_database =
        uri.path() != "/metrics" && !uri.query().is_some_and(|query| query.contains("simple="));
    if !needs_database {
        return next.run(request).await;
    }
    // Database connections belong to the runtime that opened them, so they are used there.
    let answer = platform.spawn(next.run(request));
    match tokio::time::timeout(ANSWER_TIMEOUT, answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) | Err(_) => no_answer(),
    }
}

fn no_answer() -> Response {
    (
        StatusCode::SERVICE_UNAVAILABLE,
        [(header::CONTENT_TYPE, "application/json")],
        "{\"message\":\"The platform does not answer in time\",\"result\":\"error\"}\n",
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use axum::{Router, routing::get};

    use super::*;

    #[tokio::test]
    async fn it_answers_while_the_platform_does_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/metrics", get(async || "counted"));
        let _monitoring = Monitoring::start(listener, router).unwrap();
        // Blocks the only thread of this test's runtime, which is the platform's.
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        let request = "GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
        let response = std::io::read_to_string(stream).unwrap();
        assert!(response.ends_with("counted"), "{response}");
    }
}
