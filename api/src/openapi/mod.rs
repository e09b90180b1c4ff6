//! The OpenAPI document, `GET /v2/openapi.json`, and the reference page made from it, `GET /docs`.
//!
//! Nothing that the program goes by is repeated here: paths, methods and authentication are those of the routes, schemas of
//! requests are made from the declarations that parse them ([`bodies`](crate::v2::bodies)), and each error example is the
//! [`Problem`](crate::problem::Problem) that the endpoint returns. Written by hand are titles, descriptions, and the schemas
//! of responses, which a story compares with real responses. See `docs/decisions/openapi.md`.

#![expect(
    clippy::needless_pass_by_value,
    reason = "a document is put together from values that are made for it"
)]

mod error_examples;
mod examples;
mod handlers;
mod internal;
mod operation;
pub(crate) mod operations;
mod page;
mod requests;
mod responses;
mod shared_examples;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::{auth::Auth, json};

pub(crate) use handlers::{Source, get_openapi, show_docs};
pub(crate) use internal::internal_operation;
pub(crate) use operation::Operation;

/// The groups of operations, in the order in which they are shown.
const TAGS: [(&str, &str); 11] = [
    (
        "Suppression list",
        "Recipients to whom the service sends nothing.",
    ),
    (
        "Send messages",
        "A 201 means that the message is stored durably and will be delivered.",
    ),
    (
        "Bulk jobs",
        "Send one template to many recipients with one request.",
    ),
    (
        "Notifications",
        "The status of messages, for as long as the service keeps them (7 days by default).",
    ),
    ("Templates", "List, get and preview templates."),
    (
        "Received text messages",
        "Text messages that people sent to the service's numbers.",
    ),
    (
        "Recipients",
        "Links in messages: requests of the recipient's mail program and browser.",
    ),
    (
        "Providers",
        "Delivery receipts and inbound text messages. Errors have the legacy shape, except for the print provider.",
    ),
    (
        "Letters",
        "Letter rates and returned letters, for internal clients. Errors have the v2 shape.",
    ),
    ("Platform", "Health, metrics and this document."),
    (
        INTERNAL_TAG,
        "Management of services, users, templates, jobs and the queue, for internal clients such as an administration \
         interface. Bodies and responses are JSON, mostly under the key `data`; errors have the legacy shape. These \
         endpoints can change between releases.",
    ),
];
const INTERNAL_TAG: &str = "Internal";

const DESCRIPTION: &str = include_str!("description.md");

/// A route with its documentation.
pub(crate) struct Described<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'static str,
    pub(crate) auth: Auth,
    /// The name of the handler, which is the operation id unless the operation has its own.
    pub(crate) handler: &'static str,
    pub(crate) operation: Operation,
}

/// The document in all its forms.
pub(crate) struct Documentation {
    document: Value,
    json: Bytes,
    page: Bytes,
}

impl Documentation {
    /// Builds the document of these routes.
    pub(crate) fn of(routes: &[Described<'_>]) -> Self {
        let mut document = document(routes);
        // Before examples become references, which the page would have to resolve.
        let page = page::to_html(&document).into();
        shared_examples::share(&mut document);
        Self {
            json: json::to_json_bytes(&document).into(),
            document,
            page,
        }
    }

    pub(crate) const fn document(&self) -> &Value {
        &self.document
    }
}

/// Returns the document with every example in its place.
fn document(routes: &[Described<'_>]) -> Value {
    let tags: Vec<Value> = TAGS
        .iter()
        .map(|(name, description)| json!({"name": name, "description": description}))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Pillarbox",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Sends emails, text messages and letters for services, and reports what happened to them.",
            "description": DESCRIPTION.trim_end(),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/", "description": "The server of this document"}],
        "tags": tags,
        "paths": paths(routes),
        "components": {
            "securitySchemes": security_schemes(),
            "schemas": schemas(),
        },
    })
}

fn paths(routes: &[Described<'_>]) -> Map<String, Value> {
    let mut paths = Map::new();
    for route in routes {
        let id = route.operation.id_or(route.handler);
        let item = paths.entry(route.path).or_insert_with(|| json!({}));
        item[route.method.to_lowercase()] = route.operation.to_json(id, security(route.auth));
    }
    paths
}

fn security(auth: Auth) -> Value {
    match auth {
        Auth::Service => json!([{"service": []}]),
        Auth::Internal | Auth::Testing | Auth::InternalV2 => json!([{"internal": []}]),
        Auth::ProviderCredentials => json!([{"provider": []}]),
        Auth::Anyone | Auth::UnverifiedReceipt | Auth::SignedBody | Auth::SignedLink => {
            json!([])
        }
    }
}

fn security_schemes() -> Value {
    json!({
        "service": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A service, by one of its API keys. A key reads `<name>-<service id>-<secret>`: the last 36 \
                characters are the secret, the 36 before the hyphen are the id of the service. The token's header is \
                `{\"typ\": \"JWT\", \"alg\": \"HS256\"}`, its claims are `iss`, the id of the service, and `iat`, the \
                time now in Unix seconds; it is signed with the secret as text. A token is valid for 30 seconds: make a \
                new one for each request. `pillarbox token --key KEY` prints one.",
        },
        "internal": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An internal client: the same kind of token, with the client id as `iss`, signed with one of \
                its secrets. Both are settings of the platform.",
        },
        "provider": {
            "type": "http",
            "scheme": "basic",
            "description": "A provider that delivers inbound text messages. User name and password are settings of the platform.",
        },
    })
}

fn schemas() -> Map<String, Value> {
    requests::schemas()
        .into_iter()
        .chain(responses::schemas())
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect()
}
