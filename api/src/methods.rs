//! A route that is asked in another way than it answers: `OPTIONS` says how it may be asked
//! (`docs/spec/public-api.md` §2.2), any other method is told that it is the wrong one. Which methods a route has is
//! what the caller table says.

use axum::{
    body::Body,
    extract::{FromRequestParts as _, MatchedPath, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, Method, StatusCode, header, request::Parts};

use crate::{
    Api,
    callers::{Internal, ServiceKey},
    problem::{self, Problem},
    router::{Callers, ROUTES},
};

/// Whatever a route has no handler for.
pub(crate) async fn another_method(
    State(api): State<Api>,
    path: MatchedPath,
    mut parts: Parts,
) -> Result<Response, Problem> {
    let mut response = if parts.method == Method::OPTIONS {
        authorise(&api, path.as_str(), &mut parts).await?;
        options()
    } else {
        problem::wrong_method()
    };
    response
        .headers_mut()
        .insert(header::ALLOW, allowed(path.as_str()));
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

/// Who may not ask a route anything may not ask it this either.
async fn authorise(api: &Api, path: &str, parts: &mut Parts) -> Result<(), Problem> {
    let callers = ROUTES
        .iter()
        .find(|(_, route, _)| *route == path)
        .map(|(_, _, callers)| *callers);
    match callers {
        Some(Callers::Service) => {
            ServiceKey::from_request_parts(parts, api).await?;
        }
        Some(Callers::Internal) => {
            Internal::from_request_parts(parts, api).await?;
        }
        _ => {}
    }
    Ok(())
}

fn allowed(path: &str) -> HeaderValue {
    let routes = ROUTES.iter().filter(|(_, route, _)| *route == path);
    let mut methods: Vec<&str> = routes.map(|(method, ..)| *method).collect();
    if methods.contains(&"GET") {
        methods.insert(0, "HEAD");
    }
    methods.push("OPTIONS");
    HeaderValue::from_str(&methods.join(", ")).expect("methods are ASCII")
}
