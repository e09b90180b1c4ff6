//! Limits the size of request lines and headers, and the time of a request (`docs/spec/public-api.md` §2.4, §2.5).

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, Method, StatusCode, header};
use tracing::warn;

use crate::{Settings, problem::Problem, transfer_speed};

/// The longest request line.
const MAX_LINE_BYTES: usize = 4094;
/// The longest header, including its name.
const MAX_HEADER_BYTES: usize = 8190;
/// Paths without a timeout: a large upload takes as long as the connection of the client needs, but it has a lowest speed.
const UPLOADS: &[&str] = &[
    "/service/{service}/spreadsheet",
    "/service/{service}/contact-list",
];

/// Responds with 504 if the handler takes longer than the settings allow.
pub(crate) async fn respond(settings: &Settings, request: Request, next: Next) -> Response {
    // Before anything looks at the path, as the reference's front server does.
    if is_too_long(&request) {
        return bad_request_page();
    }
    let is_upload = request
        .extensions()
        .get::<MatchedPath>()
        .is_some_and(|path| UPLOADS.contains(&path.as_str()));
    if is_upload && request.method() == Method::POST {
        // Boxed, so that its size does not add to every other request.
        return Box::pin(receive_upload(settings, request, next)).await;
    }
    let is_v2 = is_of_v2(request.uri().path());
    let limit = settings.serve_timeout;
    // The handler is dropped when time is up. A message that it has handed to the group commit is stored all the same:
    // a 504 does not mean that nothing is sent.
    if let Ok(response) = tokio::time::timeout(limit, next.run(request)).await {
        return response;
    }
    warn!("a request took longer than {} s", limit.as_secs());
    let problem = Problem::timeout();
    if is_v2 {
        problem.into_response()
    } else {
        problem.into_legacy().into_response()
    }
}

/// Responds with 408 if the body arrives more slowly than the settings allow.
async fn receive_upload(settings: &Settings, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let (body, too_slow) = transfer_speed::metered(body, settings.least_bytes_per_second);
    let response = next.run(Request::from_parts(parts, body)).await;
    // The handler has seen only a body that broke off, and would answer that it cannot be read.
    if too_slow.happened() {
        return Problem::body_too_slow().into_response();
    }
    response
}

/// Returns whether errors of a path have the v2 shape.
pub(crate) fn is_of_v2(path: &str) -> bool {
    path.starts_with("/v2/")
        || [
            "/notifications/letter/status",
            "/letters/returned",
            "/letter-rates/",
        ]
        .contains(&path)
}

fn is_too_long(request: &Request) -> bool {
    let path = request
        .uri()
        .path_and_query()
        .map_or(0, |path| path.as_str().len());
    // Method, path and version, with the spaces between.
    let line = request.method().as_str().len() + path + " HTTP/1.1 ".len();
    line > MAX_LINE_BYTES
        || request
            .headers()
            .iter()
            .any(|(name, value)| name.as_str().len() + value.len() > MAX_HEADER_BYTES)
}

/// Returns the page with which the reference implementation's front server refuses a request.
fn bad_request_page() -> Response {
    (
        StatusCode::BAD_REQUEST,
        [(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        )],
        "<html><head><title>Bad Request</title></head><body><h1>Bad Request</h1>\
         The request line or a header is too long.</body></html>\n",
    )
        .into_response()
}
