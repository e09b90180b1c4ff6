use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::token::{Token, Verification};
use crate::{
    Api,
    problem::{Problem, auth},
};

/// Authenticates an internal client: an administration interface, the commands (`docs/spec/public-api.md` §3.4).
pub(super) fn authenticate(headers: &HeaderMap, api: &Api) -> Result<(), Problem> {
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
    if issuer != Some(&*api.settings.internal_client_id) {
        return Err(auth(
            StatusCode::UNAUTHORIZED,
            "Unauthorized: not allowed to perform this action",
        ));
    }
    let now = api.app.clock().machine_time();
    // There can be several, so that a secret is replaced without an interruption: add, change the client, remove.
    for secret in &api.settings.internal_secrets {
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
