use app::manage::api_keys;
use axum::{extract::State, response::Response};
use domain::{ApiKeyId, ServiceId};
use http::StatusCode;
use serde_json::json;

use super::{
    created,
    fields::Fields,
    ids::{Id, Ids},
    listed,
};
use crate::{Api, json, problem::Problem};

/// `GET /service/<id>/api-keys`: without their secrets.
pub(crate) async fn list_api_keys(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
) -> Result<Response, Problem> {
    let found = api_keys::list(&api.app, service).await?;
    Ok(listed(&found, |key| {
        json!({
            "id": key.id,
            "name": key.name,
            "key_type": key.key_type,
            "created_by": key.created_by,
            "created_at": key.created_at,
            "expiry_date": key.revoked_at,
        })
    }))
}

/// `POST /service/<id>/api-key`: the only response that has the secret.
pub(crate) async fn create_api_key(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let name: String = fields.or_default("name");
    let created_by = fields.optional("created_by");
    let key_type = fields.required("key_type")?;
    fields.finish()?;
    let made = api_keys::create_for(&api.app, service, &name, key_type, created_by).await?;
    Ok(created(
        &json!({"id": made.id, "key_type": made.key_type, "key": made.key.reveal()}),
    ))
}

/// `POST /service/<id>/api-key/revoke/<key>`
pub(crate) async fn revoke_api_key(
    State(api): State<Api>,
    Ids(service, key): Ids<ServiceId, ApiKeyId>,
) -> Result<Response, Problem> {
    api_keys::revoke(&api.app, service, key).await?;
    Ok(json::response(StatusCode::ACCEPTED, &json!({})))
}
