use axum::{
    Extension,
    response::{Html, IntoResponse as _, Response},
};
use http::{HeaderValue, StatusCode, header};

use super::{Documentation, page};

/// Returns the documentation, building it when it is first asked for. The router provides it, since only the router knows
/// all routes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source(pub(crate) fn() -> &'static Documentation);

/// `GET /v2/openapi.json`
pub(crate) async fn get_openapi(Extension(Source(documentation)): Extension<Source>) -> Response {
    let json = HeaderValue::from_static("application/json");
    (
        StatusCode::OK,
        [(header::CONTENT_TYPE, json)],
        documentation().json.clone(),
    )
        .into_response()
}

/// `GET /docs`
pub(crate) async fn show_docs(Extension(Source(documentation)): Extension<Source>) -> Response {
    let policy = (header::CONTENT_SECURITY_POLICY, page::policy());
    ([policy], Html(documentation().page.clone())).into_response()
}
