use std::sync::LazyLock;

use axum::{
    Extension, Router,
    extract::{DefaultBodyLimit, FromRequestParts as _, RawPathParams, Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
};
use http::request::Parts;
use serde_json::Value;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    Api, Route,
    client::Client,
    method_fallback,
    openapi::{Documentation, Source},
    problem, response_budget,
    response_headers::{self, TraceIds},
    routes::{self, Constraint},
    timeouts,
};

/// Returns the whole HTTP interface of a platform.
pub fn router(api: Api) -> Router {
    router_of(routes::all().iter(), api)
}

/// Returns the HTTP interface without what only operators need, for a platform that answers them at another address.
pub fn public_router(api: Api) -> Router {
    router_of(routes::for_the_public(), api)
}

/// Returns health, live counts and metrics.
pub fn monitoring_router(api: Api) -> Router {
    router_of(routes::for_monitors(), api)
}

fn router_of(routes: impl Iterator<Item = &'static Route>, api: Api) -> Router {
    routes
        .fold(Router::new(), |router, route| add(router, route, &api))
        .fallback(async || problem::unknown_route())
        .method_not_allowed_fallback(method_fallback::respond)
        // One stack: each `layer` of a router costs a request two allocations and a copy of everything below it.
        .layer(
            ServiceBuilder::new()
                // Outermost, so that the 500 of a panic has the headers of every response too.
                .layer(from_fn_with_state(api.clone(), around_every_handler))
                .layer(CatchPanicLayer::custom(problem::panic_response))
                .layer(Extension(Source(|| &DOCUMENTATION)))
                // Bodies have limits of their own: `body_limit` reads JSON, and uploads are streamed.
                .layer(DefaultBodyLimit::disable()),
        )
        .with_state(api)
}

/// Limits the time of a request, and adds the headers that every response has.
async fn around_every_handler(State(api): State<Api>, request: Request, next: Next) -> Response {
    let ids = TraceIds::of(request.headers());
    let is_v2 = timeouts::is_of_v2(request.uri().path());
    let address = Client::of_request(&request, &api);
    let response = timeouts::respond(&api.settings, request, next).await;
    // Only [`admit`] knows who has authenticated.
    let client = response.extensions().get().copied().unwrap_or(address);
    let mut response = response_budget::count(response, client, is_v2);
    response_headers::add(response.headers_mut(), ids, api.app.random());
    response
}

/// Returns the OpenAPI document.
pub fn openapi_document() -> &'static Value {
    DOCUMENTATION.document()
}

/// Built when it is first asked for.
static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    let routes: Vec<_> = routes::all().iter().map(Route::described).collect();
    Documentation::of(&routes)
});

fn add(router: Router<Api>, route: &'static Route, api: &Api) -> Router<Api> {
    let mut handler = route.handler.clone();
    if route.constraint.is_some() || route.auth.is_checked_by_router() {
        handler = handler.route_layer(from_fn_with_state((api.clone(), route), admit));
    }
    router.route(route.path, handler)
}

/// Checks the path and authenticates the request, before the handler sees it.
async fn admit(
    State((api, route)): State<(Api, &'static Route)>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    // Before authentication: whether a path exists is answered to every caller (`docs/spec/public-api.md` §2.2).
    if let Some(constraint) = route.constraint
        && !is_met(constraint, &mut parts).await
    {
        return problem::unknown_route().into_response();
    }
    match route.auth.authenticate(&mut parts, &api).await {
        Ok(()) => {
            let client = parts.extensions.get::<Client>().copied();
            let mut response = next.run(Request::from_parts(parts, body)).await;
            if let Some(client) = client
                && response_budget::counted_bytes(&response).is_some()
            {
                response.extensions_mut().insert(client);
            }
            response
        }
        Err(problem) => problem.into_response(),
    }
}

async fn is_met(constraint: Constraint, parts: &mut Parts) -> bool {
    let Ok(parameters) = RawPathParams::from_request_parts(parts, &()).await else {
        // The path is not UTF-8.
        return false;
    };
    let mut parameters = parameters.iter();
    parameters.any(|(name, value)| name == constraint.parameter && (constraint.fits)(value))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_document_in_docs_is_fresh() {
        let committed = include_str!("../../docs/openapi.json");
        let current = serde_json::to_string_pretty(openapi_document()).unwrap();
        assert_eq!(committed.trim_end(), current, "run `make fresh`");
    }

    fn operations() -> impl Iterator<Item = &'static Value> {
        let paths = openapi_document()["paths"].as_object().unwrap().values();
        paths.flat_map(|item| item.as_object().unwrap().values())
    }

    #[test]
    fn operation_ids_are_unique_and_links_lead_to_one() {
        let ids: Vec<&str> = operations()
            .map(|operation| operation["operationId"].as_str().unwrap())
            .collect();
        let unique: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(unique.len(), ids.len());
        assert_eq!(ids.len(), routes::all().len());
        let linked = operations()
            .filter_map(|operation| operation["responses"].as_object())
            .flat_map(serde_json::Map::values)
            .filter_map(|response| response["links"].as_object())
            .flat_map(serde_json::Map::keys);
        for id in linked {
            assert!(unique.contains(id.as_str()), "{id}");
        }
    }

    #[test]
    fn the_parameters_of_every_path_are_described() {
        for (path, methods) in openapi_document()["paths"].as_object().unwrap() {
            let in_path: BTreeSet<&str> = path
                .split('/')
                .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
                .collect();
            for (method, operation) in methods.as_object().unwrap() {
                let described = operation["parameters"].as_array().into_iter().flatten();
                let described: BTreeSet<&str> = described
                    .filter(|parameter| parameter["in"] == "path")
                    .map(|parameter| parameter["name"].as_str().unwrap())
                    .collect();
                assert_eq!(described, in_path, "{method} {path}");
            }
        }
    }

    #[test]
    fn tags_and_schemas_are_declared_and_used() {
        let text = openapi_document().to_string();
        let mut parts = text.split("\"#/components/schemas/");
        parts.next();
        let used: BTreeSet<&str> = parts.filter_map(|rest| rest.split('"').next()).collect();
        let declared = openapi_document()["components"]["schemas"]
            .as_object()
            .unwrap();
        assert_eq!(used, declared.keys().map(String::as_str).collect());

        let tags = openapi_document()["tags"].as_array().unwrap();
        let declared: BTreeSet<Option<&str>> =
            tags.iter().map(|tag| tag["name"].as_str()).collect();
        let used: BTreeSet<Option<&str>> = operations()
            .map(|operation| operation["tags"][0].as_str())
            .collect();
        assert_eq!(used.len(), declared.len());
        assert!(used.is_subset(&declared));
    }
}
