use std::any::Any;

use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use tracing::error;

use super::Problem;

/// Returns the 404 of a path that is no route.
pub(crate) fn unknown_route() -> Problem {
    Problem::legacy(
        StatusCode::NOT_FOUND,
        "The requested URL was not found on the server. If you entered the URL manually please check your spelling \
         and try again.",
    )
}

/// Returns the 405 of a route that has other methods. The body is JSON though its type says HTML; both are the contract.
pub(crate) fn method_not_allowed() -> Response {
    let problem = Problem::legacy(
        StatusCode::METHOD_NOT_ALLOWED,
        "The method is not allowed for the requested URL.",
    );
    let mut response = problem.into_response();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    response
}

/// Returns the 500 of a handler that panicked. The panic hook has logged where.
#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over")]
pub(crate) fn panic_response(cause: Box<dyn Any + Send + 'static>) -> Response {
    // A formatted message may quote the request, so only a literal one is logged.
    let what = cause.downcast_ref::<&'static str>().copied();
    error!(
        "a request handler panicked: {}",
        what.unwrap_or("(message withheld: it may quote the request)")
    );
    Problem::legacy(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error").into_response()
}
