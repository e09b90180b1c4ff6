use axum::{
    body::Body,
    extract::{MatchedPath, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, Method, StatusCode, header, request::Parts};

use crate::{
    Api,
    problem::{self, Problem},
    routes,
};

/// Responds to a method that a known path has no route for: `OPTIONS` with the methods that it has
/// (`docs/spec/public-api.md` §2.2), any other with 405.
pub(crate) async fn respond(
    State(api): State<Api>,
    path: MatchedPath,
    mut parts: Parts,
) -> Result<Response, Problem> {
    let routes = routes::of_path(path.as_str());
    let mut response = if parts.method == Method::OPTIONS {
        // A 405 needs no token, and `OPTIONS` needs what the other methods of its path need.
        if let Some(routes) = routes {
            routes.auth.authenticate(&mut parts, &api).await?;
        }
        options()
    } else {
        problem::method_not_allowed()
    };
    if let Some(routes) = routes {
        response
            .headers_mut()
            .insert(header::ALLOW, routes.allow.clone());
    }
    Ok(response)
}

fn options() -> Response {
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    (
        StatusCode::OK,
        [(header::CONTENT_TYPE, html)],
        Body::empty(),
    )
        .into_response()
}
