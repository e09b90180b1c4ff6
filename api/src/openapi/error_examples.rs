//! The errors of operations, each with the name of its example. They are the values that the endpoints return.

use app::{
    LimitError, QuotaExceeded, StorageExceeded,
    accept::{AcceptError, idempotency::LookupError},
};
use domain::{Allowance, Channel, KeyType};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::{
    auth::Token,
    problem::{self, Problem, auth},
    v2::{
        self,
        bodies::{Schema, missing_key},
    },
};

/// An error and its name.
pub(super) type Named = (&'static str, Problem);

/// Returns the errors that any request under `/v2` can get.
pub(super) fn server_errors() -> [Named; 2] {
    [
        ("internal_error", Problem::internal_server_error()),
        ("timeout", Problem::timeout()),
    ]
}

/// Returns the same errors in the legacy shape.
pub(super) fn legacy_server_errors() -> [Named; 2] {
    server_errors().map(|(name, problem)| (name, problem.into_legacy()))
}

/// Returns the errors of invalid tokens (`docs/spec/public-api.md` §3.2).
pub(super) fn token_errors() -> [Named; 6] {
    let of = |authorization: &'static str| {
        let value = HeaderValue::from_static(authorization);
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
        // Made by the code that answers requests, so that the document cannot drift from it.
        let token = Token::parse(&headers);
        token.err().expect("none of these is a valid token")
    };
    let forbidden = |text: &str| auth(StatusCode::FORBIDDEN, text);
    [
        ("no_token", of("")),
        ("another_scheme", of("Basic dXNlcjpwYXNzd29yZA==")),
        ("not_a_token", of("Bearer nonsense")),
        ("unknown_key", forbidden("Invalid token: API key not found")),
        ("revoked_key", forbidden("Invalid token: API key revoked")),
        (
            "clock",
            forbidden("Error: Your system clock must be accurate to within 30 seconds"),
        ),
    ]
}

/// Returns the errors that any request of a service can get.
pub(super) fn service_errors() -> Vec<Named> {
    token_errors().into_iter().chain(server_errors()).collect()
}

/// Returns the errors of an invalid and of an unknown id.
pub(super) fn id_errors(name: &str) -> [Named; 2] {
    [
        ("not_an_id", v2::invalid_id(name)),
        ("not_found", Problem::not_found()),
    ]
}

/// Returns the error of an invalid query.
pub(super) fn query_errors(text: &str) -> [Named; 1] {
    [("bad_query", validation(text))]
}

pub(super) fn validation(text: &str) -> Problem {
    Problem::validation(vec![text.to_owned()])
}

/// Returns the error of an empty object as the body.
pub(super) fn missing_keys(schema: Schema) -> Named {
    let required = schema.iter().filter(|key| key.required);
    let messages = required.map(|key| missing_key(key.name)).collect();
    ("missing_keys", Problem::validation(messages))
}

/// Returns the errors of a body that cannot be read.
pub(super) fn body_errors() -> [Named; 3] {
    [
        ("invalid_json", Problem::invalid_json()),
        ("too_large", Problem::too_large()),
        ("too_many_bodies", Problem::too_many_bodies()),
    ]
}

/// Returns the errors of every request that sends on this channel.
pub(super) fn send_errors(channel: Channel) -> Vec<Named> {
    let mut named = vec![
        ("bad_idempotency_key", problem::bad_idempotency_key()),
        ("in_progress", LookupError::InFlight.into()),
        ("another_request", LookupError::OtherRequest.into()),
        (
            "too_fast",
            LimitError::RateLimited {
                key_type: KeyType::Normal,
                rate: 3000,
                wait_seconds: 1,
            }
            .into(),
        ),
        (
            "daily_limit",
            QuotaExceeded {
                allowance: Allowance::from(channel),
                limit: 250_000,
                remaining: 0,
                wait_seconds: 32_400,
            }
            .into(),
        ),
        (
            "storage_limit",
            StorageExceeded {
                limit: 100 << 30,
                stored: 100 << 30,
            }
            .into(),
        ),
        ("busy", accepting(AcceptError::Busy)),
        (
            "channel_not_allowed",
            accepting(AcceptError::ChannelNotAllowed(channel)),
        ),
        ("no_such_template", accepting(AcceptError::NoSuchTemplate)),
        (
            "archived_template",
            accepting(AcceptError::TemplateArchived),
        ),
        (
            "missing_personalisation",
            accepting(AcceptError::MissingPersonalisation(vec!["name".to_owned()])),
        ),
    ];
    named.extend(body_errors());
    named.extend(service_errors());
    named
}

/// Returns the error of a message of the example service.
pub(super) fn accepting(error: AcceptError) -> Problem {
    let service = app::fixtures::CLIENTS_SERVICE;
    problem::accept_error(error, service, "https://admin.example.org")
}
