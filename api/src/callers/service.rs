//! A service, authenticated by one of its keys (`docs/spec/public-api.md` §3.2).

use app::{Caller, Tenant};
use axum::extract::FromRequestParts;
use domain::{ServiceId, Timestamp};
use http::{StatusCode, request::Parts};
use serde_json::Value;

use super::token::{Token, Verdict};
use crate::{
    Api,
    problem::{Problem, auth},
};

/// The service that calls.
pub(crate) struct ServiceKey(pub(crate) Caller);

impl FromRequestParts<Api> for ServiceKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let token = Token::of(&parts.headers)?;
        let service = issuer(&token)?;
        let forbidden = |text: &str| auth(StatusCode::FORBIDDEN, text);
        let tenant = api.app.tenant(service).await.map_err(Problem::fault)?;
        let tenant = tenant.ok_or_else(|| forbidden("Invalid token: service not found"))?;
        if tenant.keys.is_empty() {
            return Err(forbidden("Invalid token: service has no API keys"));
        }
        if !tenant.service.active {
            return Err(forbidden("Invalid token: service is archived"));
        }
        let (key_id, key_type) = try_keys(&token, &tenant, api.app.clock().now())?;
        Ok(Self(Caller {
            tenant,
            key_id,
            key_type,
        }))
    }
}

fn issuer(token: &Token<'_>) -> Result<ServiceId, Problem> {
    let forbidden = |text: &str| auth(StatusCode::FORBIDDEN, text);
    let issuer = token
        .issuer()
        .ok_or_else(|| forbidden("Invalid token: iss field not provided"))?;
    let id = issuer.as_str().and_then(|text| text.parse().ok());
    id.ok_or_else(|| forbidden("Invalid token: service id is not the right data type"))
}

/// The key that made the token (`docs/spec/public-api.md` §3.3).
fn try_keys(
    token: &Token<'_>,
    tenant: &Tenant,
    now: Timestamp,
) -> Result<(domain::ApiKeyId, domain::KeyType), Problem> {
    for key in &tenant.keys {
        match token.verify(key.secret.reveal(), now) {
            Verdict::NotThisKey => {}
            Verdict::Refused(problem) => return Err(problem),
            Verdict::Fits if key.revoked_at.is_some_and(|at| at <= now) => {
                return Err(auth(
                    StatusCode::FORBIDDEN,
                    "Invalid token: API key revoked",
                ));
            }
            Verdict::Fits => return Ok((key.id, key.key_type)),
        }
    }
    Err(auth(
        StatusCode::FORBIDDEN,
        "Invalid token: API key not found",
    ))
}

/// The text of a claim, for callers whose name is no id.
pub(super) fn text_of(claim: Option<&Value>) -> Option<&str> {
    claim.and_then(Value::as_str)
}
