use app::{Caller, Tenant};
use axum::extract::FromRequestParts;
use domain::{Clock, ServiceId};
use http::{HeaderMap, StatusCode, request::Parts};
use tracing::error;

use super::token::{Token, Verification};
use crate::{
    Api,
    problem::{Problem, auth},
};

/// The service and the API key of a request that the router has authenticated.
#[derive(Clone)]
pub(crate) struct ServiceKey(pub(crate) Caller);

impl<S: Sync> FromRequestParts<S> for ServiceKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.remove().ok_or_else(|| {
            error!("a handler takes a service key, and its route is not `Auth::Service`");
            Problem::internal_server_error()
        })
    }
}

/// Authenticates a service by one of its API keys (`docs/spec/public-api.md` §3.2).
pub(super) async fn authenticate(headers: &HeaderMap, api: &Api) -> Result<Caller, Problem> {
    let token = Token::parse(headers)?;
    let service = issuer(&token)?;
    let forbidden = |text: &str| auth(StatusCode::FORBIDDEN, text);
    let tenant = api.app.tenant(service).await.map_err(Problem::internal)?;
    let tenant = tenant.ok_or_else(|| forbidden("Invalid token: service not found"))?;
    // Before `active`: an archived service without keys is told about the keys (`docs/spec/public-api.md` §3.2).
    if tenant.keys.is_empty() {
        return Err(forbidden("Invalid token: service has no API keys"));
    }
    if !tenant.service.active {
        return Err(forbidden("Invalid token: service is archived"));
    }
    let (key_id, key_type) = find_key(&token, &tenant, &**api.app.clock())?;
    Ok(Caller {
        tenant,
        key_id,
        key_type,
    })
}

fn issuer(token: &Token<'_>) -> Result<ServiceId, Problem> {
    let forbidden = |text: &str| auth(StatusCode::FORBIDDEN, text);
    let issuer = token
        .issuer()
        .ok_or_else(|| forbidden("Invalid token: iss field not provided"))?;
    let id = issuer.as_str().and_then(|text| text.parse().ok());
    id.ok_or_else(|| forbidden("Invalid token: service id is not the right data type"))
}

/// Returns the key that signed the token (`docs/spec/public-api.md` §3.3).
fn find_key(
    token: &Token<'_>,
    tenant: &Tenant,
    clock: &dyn Clock,
) -> Result<(domain::ApiKeyId, domain::KeyType), Problem> {
    // The caller's machine stated when the token was made, so it is compared with the clock of this machine.
    let now = clock.machine_time();
    for key in &tenant.keys {
        match token.verify(key.secret.reveal(), now) {
            Verification::NotThisKey => {}
            Verification::Refused(problem) => return Err(problem),
            Verification::Fits if key.revoked_at.is_some_and(|at| at <= clock.now()) => {
                return Err(auth(
                    StatusCode::FORBIDDEN,
                    "Invalid token: API key revoked",
                ));
            }
            Verification::Fits => return Ok((key.id, key.key_type)),
        }
    }
    Err(auth(
        StatusCode::FORBIDDEN,
        "Invalid token: API key not found",
    ))
}
