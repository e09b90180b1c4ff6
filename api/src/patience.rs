//! How much of a request is read, and how long its answer may take (`docs/spec/public-api.md` §2.4, §2.5).

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, StatusCode, header};
use tracing::warn;

use crate::{Api, problem::Problem};

/// The longest line that a request may begin with.
const MAX_LINE_BYTES: usize = 4094;
/// The longest header, its name included.
const MAX_HEADER_BYTES: usize = 8190;
/// Where a large file comes in as fast as its sender's line allows; what is slow there is not we.
const UPLOADS: &[&str] = &["/service/{service}/spreadsheet"];

/// Answers within the time that the settings allow.
pub(crate) async fn serve_in_time(
    State(api): State<Api>,
    request: Request,
    next: Next,
) -> Response {
    if is_too_long(&request) {
        return bad_request_page();
    }
    let is_upload = request
        .extensions()
        .get::<MatchedPath>()
        .is_some_and(|path| UPLOADS.contains(&path.as_str()));
    if is_upload {
        return next.run(request).await;
    }
    let is_v2 = is_of_v2(request.uri().path());
    let limit = api.settings.serve_timeout;
    if let Ok(response) = tokio::time::timeout(limit, next.run(request)).await {
        return response;
    }
    warn!("a request took longer than {} s", limit.as_secs());
    let problem = Problem::timeout();
    if is_v2 {
        problem.into_response()
    } else {
        problem.in_old_shape().into_response()
    }
}

/// Whether errors of a path have the v2 shape.
fn is_of_v2(path: &str) -> bool {
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

/// What a front server says to a request that it does not pass on.
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
