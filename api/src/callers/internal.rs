//! An internal client: the console, the commands, the admin application (`docs/spec/public-api.md` §3.4). Old error
//! shape, and there the message is an object.

use axum::extract::FromRequestParts;
use http::{StatusCode, request::Parts};
use serde_json::{Value, json};

use super::{
    service::text_of,
    token::{Token, Verdict},
};
use crate::{
    Api,
    problem::{Problem, auth},
};

/// An internal client calls.
pub(crate) struct Internal;

/// An internal client calls an endpoint whose errors have the v2 shape.
pub(crate) struct InternalV2;

impl FromRequestParts<Api> for Internal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        authorise(parts, api).map(|()| Self).map_err(with_token)
    }
}

impl FromRequestParts<Api> for InternalV2 {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        authorise(parts, api).map(|()| Self)
    }
}

fn authorise(parts: &Parts, api: &Api) -> Result<(), Problem> {
    let token = Token::of(&parts.headers)?;
    let issuer = match token.issuer() {
        None => {
            return Err(auth(
                StatusCode::FORBIDDEN,
                "Invalid token: iss field not provided",
            ));
        }
        issuer => text_of(issuer),
    };
    if issuer != Some(&*api.settings.internal_client_id) {
        return Err(auth(
            StatusCode::UNAUTHORIZED,
            "Unauthorized: not allowed to perform this action",
        ));
    }
    let now = api.app.clock().now();
    for secret in &api.settings.internal_secrets {
        match token.verify(secret.reveal(), now) {
            Verdict::Fits => return Ok(()),
            Verdict::Refused(problem) => return Err(problem),
            Verdict::NotThisKey => {}
        }
    }
    Err(auth(
        StatusCode::FORBIDDEN,
        "Invalid token: API key not found",
    ))
}

/// In the old shape the message is an object.
fn with_token(problem: Problem) -> Problem {
    problem
        .in_old_shape()
        .map_message(|message| json!({"token": Value::Array(vec![message])}))
}
