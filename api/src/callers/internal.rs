//! An internal client: the console, the commands, the admin application (public-api §3.4). Old error shape, and there
//! the message is an object.

use axum::extract::FromRequestParts;
use http::{StatusCode, request::Parts};
use serde_json::{Value, json};

use super::{
    service::text_of,
    token::{Token, Verdict},
};
use crate::{Api, problem::Problem};

/// An internal client calls.
pub(crate) struct Internal;

impl FromRequestParts<Api> for Internal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let token = Token::of(&parts.headers).map_err(with_token)?;
        let issuer = match token.issuer() {
            None => {
                return Err(refused(
                    StatusCode::FORBIDDEN,
                    "Invalid token: iss field not provided",
                ));
            }
            issuer => text_of(issuer),
        };
        if issuer != Some(&*api.settings.internal_client_id) {
            return Err(refused(
                StatusCode::UNAUTHORIZED,
                "Unauthorized: not allowed to perform this action",
            ));
        }
        let now = api.app.clock().now();
        for secret in &api.settings.internal_secrets {
            match token.verify(secret.reveal(), now) {
                Verdict::Fits => return Ok(Self),
                Verdict::Refused(problem) => return Err(with_token(problem)),
                Verdict::NotThisKey => {}
            }
        }
        Err(refused(
            StatusCode::FORBIDDEN,
            "Invalid token: API key not found",
        ))
    }
}

fn refused(status: StatusCode, text: &str) -> Problem {
    Problem::old(status, json!({"token": [text]}))
}

fn with_token(problem: Problem) -> Problem {
    problem
        .in_old_shape()
        .map_message(|message| json!({"token": Value::Array(vec![message])}))
}
