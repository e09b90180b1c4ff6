//! The description of the API: `GET /v2/openapi.json` for programs, `GET /docs` for people.
//!
//! It is made from what the program itself goes by, so that there is one truth: the routes and who may call them are
//! those of [`ROUTES`], the shapes of requests are the tables that check them ([`bodies`](crate::v2::bodies)), and every
//! error example is the [`Problem`](crate::problem::Problem) that the endpoint answers with, with its status and its
//! headers. Written by hand is only what no table of the program says: what things are for, and the shapes of answers,
//! which a story holds against real ones. See `docs/decisions/openapi.md`.

#![expect(
    clippy::needless_pass_by_value,
    reason = "a document is put together from values that are made for it"
)]

mod answers;
mod examples;
mod internal;
mod jobs;
mod operation;
mod page;
mod providers;
mod public;
mod reading;
mod refusals;
mod sending;
mod shapes;
mod shared;

use std::sync::LazyLock;

use axum::response::{Html, IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::{
    answer,
    router::{Callers, ROUTES},
};
use operation::Operation;

/// The groups of operations, in the order in which they are shown.
const TAGS: [(&str, &str); 8] = [
    (
        "Sending",
        "A 201 means that the message is on disk and will be delivered.",
    ),
    (
        "Many at once",
        "One template to many people in one request, as a job.",
    ),
    (
        "Messages",
        "What became of messages, for as long as the service keeps them (7 days, unless it says otherwise).",
    ),
    ("Templates", "What can be sent, and how it would look."),
    (
        "Received texts",
        "What people wrote to the service's number.",
    ),
    (
        "Recipients",
        "What a recipient's mail program or browser asks, by links that we made.",
    ),
    (
        "Providers",
        "What those who carry our messages tell us. Errors have the old shape, except where the print provider asks.",
    ),
    (
        "Running it",
        "For whoever runs the platform. Letters are told and asked about with the token of an internal client.",
    ),
];

const ABOUT: &str = include_str!("about.md");

/// `GET /v2/openapi.json`
pub(crate) async fn get_openapi() -> Response {
    static WRITTEN: LazyLock<Bytes> = LazyLock::new(|| answer::written(&*DOCUMENT).into());
    let json = HeaderValue::from_static("application/json");
    (
        StatusCode::OK,
        [(header::CONTENT_TYPE, json)],
        WRITTEN.clone(),
    )
        .into_response()
}

/// `GET /docs`
pub(crate) async fn show_docs() -> Response {
    static PAGE: LazyLock<Bytes> = LazyLock::new(|| page::written(&whole()).into());
    let policy = (header::CONTENT_SECURITY_POLICY, page::policy());
    ([policy], Html(PAGE.clone())).into_response()
}

/// The document.
pub fn document() -> &'static Value {
    &DOCUMENT
}

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let mut document = whole();
    shared::share_examples(&mut document);
    document
});

/// The document with all that is told of an operation in its place.
fn whole() -> Value {
    let tags: Vec<Value> = TAGS
        .iter()
        .map(|(name, about)| json!({"name": name, "description": about}))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Pillarbox",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Sends e-mails, text messages and letters for services, and tells what became of them.",
            "description": ABOUT.trim_end(),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/", "description": "Where this document is served"}],
        "tags": tags,
        "paths": paths(),
        "components": {
            "securitySchemes": security_schemes(),
            "schemas": schemas(),
        },
    })
}

/// Every operation that is described.
fn operations() -> Vec<Operation> {
    [
        sending::operations(),
        jobs::operations(),
        reading::operations(),
        public::operations(),
        providers::operations(),
        internal::operations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The operations by path and method, in the order of the caller table, each with what its callers must show.
fn paths() -> Map<String, Value> {
    let operations = operations();
    let mut paths = Map::new();
    for (method, path, callers) in ROUTES {
        let described = operations.iter().find(|one| one.route == (*method, *path));
        if let Some(operation) = described {
            let item = paths.entry(*path).or_insert_with(|| json!({}));
            item[method.to_lowercase()] = operation.written(security(*callers));
        }
    }
    paths
}

fn security(callers: Callers) -> Value {
    match callers {
        Callers::Service => json!([{"service": []}]),
        Callers::Internal => json!([{"internal": []}]),
        Callers::Provider => json!([{"provider": []}]),
        Callers::Anybody | Callers::Reporter | Callers::LinkHolder => json!([]),
    }
}

fn security_schemes() -> Value {
    json!({
        "service": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A service with one of its keys. A key reads `<name>-<service id>-<secret>`: the last 36 \
                characters are the secret, the 36 before the hyphen are the id of the service. The token's header is \
                `{\"typ\": \"JWT\", \"alg\": \"HS256\"}`, its claims are `iss`, the id of the service, and `iat`, the \
                time now in Unix seconds; it is signed with the secret as text. A token is good for 30 seconds: make a \
                new one for each request. `pillarbox token --key KEY` prints one.",
        },
        "internal": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An internal client: the same kind of token, with the name of the client as `iss`, signed \
                with one of its secrets. The settings hold both.",
        },
        "provider": {
            "type": "http",
            "scheme": "basic",
            "description": "A provider that brings texts, with a name and a password that the settings hold.",
        },
    })
}

fn schemas() -> Map<String, Value> {
    shapes::requests()
        .into_iter()
        .chain(answers::schemas())
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Internal clients have many more endpoints, which are described elsewhere; of theirs these two are public contract.
    const OF_INTERNAL_CLIENTS: [&str; 2] = ["/letters/returned", "/letter-rates/"];

    #[test]
    fn every_route_for_others_than_internal_clients_is_described_and_nothing_else_is() {
        let described: BTreeSet<_> = operations().iter().map(|one| one.route).collect();
        assert_eq!(
            described.len(),
            operations().len(),
            "nothing is described twice"
        );
        let routes: BTreeSet<_> = ROUTES
            .iter()
            .filter(|(_, path, callers)| {
                *callers != Callers::Internal || OF_INTERNAL_CLIENTS.contains(path)
            })
            .map(|(method, path, _)| (*method, *path))
            .collect();
        assert_eq!(described, routes);
    }

    #[test]
    fn an_operation_is_called_as_its_handler() {
        let source: String = include_str!("../router.rs").split_whitespace().collect();
        let mut ids = BTreeSet::new();
        for operation in operations() {
            let (method, path) = operation.route;
            let (_, route) = source
                .split_once(&format!(".route(\"{path}\","))
                .expect("it is a route");
            let (route, _) = route.split_once(".route(").unwrap_or((route, ""));
            let handler = route
                .split_once(&format!("{}(", method.to_lowercase()))
                .and_then(|(_, rest)| rest.split_once(')'))
                .and_then(|(handler, _)| handler.rsplit_once("::"))
                .map(|(_, handler)| handler)
                .expect("it has a handler");
            // A handler of several routes has something after its name.
            let rest = operation.id.strip_prefix(handler);
            assert!(
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_')),
                "{method} {path} is {handler}, not {}",
                operation.id
            );
            assert!(ids.insert(operation.id), "{} is there twice", operation.id);
        }
    }

    #[test]
    fn the_document_in_docs_is_fresh() {
        let kept = include_str!("../../../docs/openapi.json");
        let made = serde_json::to_string_pretty(document()).unwrap();
        assert_eq!(kept.trim_end(), made, "run `make fresh`");
    }

    #[test]
    fn whatever_is_referred_to_is_there_and_whatever_is_there_is_referred_to() {
        let text = document().to_string();
        let mut parts = text.split("\"#/components/schemas/");
        parts.next();
        let used: BTreeSet<&str> = parts.filter_map(|rest| rest.split('"').next()).collect();
        let there = document()["components"]["schemas"].as_object().unwrap();
        assert_eq!(used, there.keys().map(String::as_str).collect());
        for operation in operations() {
            assert!(
                TAGS.iter().any(|(tag, _)| *tag == operation.tag),
                "{}",
                operation.tag
            );
        }
    }
}
