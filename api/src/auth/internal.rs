use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::token::{Token, Verification};
use crate::{
    Api,
    problem::{Problem, auth},
};

/// The client id of programs that test an installation.
const FUNCTIONAL_TESTS: &str = "notify-functional-tests";

/// The internal clients that an endpoint is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clients {
    /// An administration interface, the commands.
    Administration,
    /// These, and programs that test an installation.
    TestsToo,
}

/// Authenticates an internal client (`docs/spec/public-api.md` §3.4).
pub(super) fn authenticate(headers: &HeaderMap, api: &Api, of: Clients) -> Result<(), Problem> {
    let token = Token::parse(headers)?;
    let issuer = match token.issuer() {
        None => {
            return Err(auth(
                StatusCode::FORBIDDEN,
                "Invalid token: iss field not provided",
            ));
        }
        issuer => issuer.and_then(Value::as_str),
    };
    let settings = &api.settings;
    let secrets = match issuer {
        Some(id) if id == settings.internal_client_id => &settings.internal_secrets,
        Some(FUNCTIONAL_TESTS) if of == Clients::TestsToo => &settings.functional_tests_secrets,
        _ => {
            return Err(auth(
                StatusCode::UNAUTHORIZED,
                "Unauthorized: not allowed to perform this action",
            ));
        }
    };
    let now = api.app.clock().machine_time();
    // There can be several, so that a secret is replaced without an interruption: add, change the client, remove.
    for secret in secrets {
        match token.verify(secret.reveal(), now) {
            Verification::Fits => return Ok(()),
            Verification::Refused(problem) => return Err(problem),
            Verification::NotThisKey => {}
        }
    }
    Err(auth(
        StatusCode::FORBIDDEN,
        "Invalid token: API key not found",
    ))
}

/// Converts to the legacy shape, where the message of an authentication error is an object.
pub(super) fn with_token_key(problem: Problem) -> Problem {
    problem
        .into_legacy()
        .map_message(|message| json!({"token": Value::Array(vec![message])}))
}
