use app::manage::api_keys;
use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use http::StatusCode;
use serde_json::json;

use super::{created, fields::Fields, id, listed, problem};
use crate::{Api, answer, callers::Internal, problem::Problem};

/// `GET /service/<id>/api-keys`: their secrets stay inside.
pub(crate) async fn list_api_keys(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
) -> Result<Response, Problem> {
    let found = api_keys::list(&api.app, id(&service)?)
        .await
        .map_err(problem)?;
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

/// `POST /service/<id>/api-key`: the only answer that holds the secret.
pub(crate) async fn create_api_key(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let service = id(&service)?;
    let mut fields = Fields::read(body).await?;
    let name: String = fields.need("name");
    let created_by = fields.may("created_by");
    let key_type = fields.must("key_type")?;
    fields.finish()?;
    let made = api_keys::create_for(&api.app, service, &name, key_type, created_by)
        .await
        .map_err(problem)?;
    Ok(created(
        &json!({"id": made.id, "key_type": made.key_type, "key": made.key.reveal()}),
    ))
}

/// `POST /service/<id>/api-key/revoke/<key>`
pub(crate) async fn revoke_api_key(
    State(api): State<Api>,
    _: Internal,
    Path((service, key)): Path<(String, String)>,
) -> Result<Response, Problem> {
    api_keys::revoke(&api.app, id(&service)?, id(&key)?)
        .await
        .map_err(problem)?;
    Ok(answer::json(StatusCode::ACCEPTED, &json!({})))
}
