//! The errors of operations, each with a name. They are made where the endpoints make them.

use app::{
    LimitError,
    accept::{AcceptError, idempotency::LookupError},
};
use domain::{Allowance, Channel, KeyType};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;

use super::examples::MOMENT;
use crate::{
    callers::Token,
    problem::{self, Problem, auth},
    v2::{self, bodies::Schema},
};

/// An error and its name.
pub(super) type Named = (&'static str, Problem);

/// What may happen to any request under v2.
pub(super) fn anywhere() -> [Named; 2] {
    [
        ("fault", Problem::internal()),
        ("timeout", Problem::timeout()),
    ]
}

/// The same in the old shape.
pub(super) fn anywhere_old() -> [Named; 2] {
    anywhere().map(|(name, problem)| (name, problem.in_old_shape()))
}

/// A token that says nothing good (`docs/spec/public-api.md` §3.2).
pub(super) fn of_tokens() -> [Named; 6] {
    let of = |authorization: &'static str| {
        let value = HeaderValue::from_static(authorization);
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
        let token = Token::of(&headers);
        token.err().expect("no token is like this")
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

/// Whatever may happen to a request of a service.
pub(super) fn of_services() -> Vec<Named> {
    of_tokens().into_iter().chain(anywhere()).collect()
}

/// An id in a path that is none, and one of nothing.
pub(super) fn of_ids(name: &str) -> [Named; 2] {
    [
        ("not_an_id", v2::not_an_id(name)),
        ("not_found", Problem::not_found()),
    ]
}

/// A query that cannot be understood.
pub(super) fn of_queries(text: &str) -> [Named; 1] {
    [("bad_query", validation(text))]
}

pub(super) fn validation(text: &str) -> Problem {
    Problem::validation(vec![text.to_owned()])
}

/// What is said of an empty request of this shape.
pub(super) fn empty(schema: &Schema) -> Named {
    let now = MOMENT.parse().expect("it is a time");
    let checked = schema.check(Value::Object(serde_json::Map::new()), now);
    let problem = checked.expect_err("something is required");
    ("missing_keys", problem)
}

/// A body that is not what it should be.
pub(super) fn of_bodies() -> [Named; 3] {
    [
        ("invalid_json", Problem::invalid_json()),
        ("too_large", Problem::too_large()),
        ("too_many_bodies", Problem::too_many_bodies()),
    ]
}

/// What every request to send may be told, with what its channel is.
pub(super) fn of_sending(channel: Channel) -> Vec<Named> {
    let mut named = vec![
        ("bad_idempotency_key", problem::bad_idempotency_key()),
        ("being_worked_on", LookupError::InFlight.into()),
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
            problem::daily_limit(Allowance::from(channel), 250_000, 0, 32_400),
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
    named.extend(of_bodies());
    named.extend(of_services());
    named
}

/// What an error of accepting a message says to the service of the examples.
pub(super) fn accepting(error: AcceptError) -> Problem {
    let service = app::fixtures::CLIENTS_SERVICE;
    problem::accepting(error, service, "https://admin.example.org")
}
