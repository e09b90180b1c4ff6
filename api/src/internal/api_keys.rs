use app::services;
use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use domain::KeyType;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{id, read, services::problem};
use crate::{Api, answer, callers::Internal, problem::Problem};

/// `GET /service/<id>/api-keys`: their secrets stay inside.
pub(crate) async fn list_api_keys(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
) -> Result<Response, Problem> {
    let found = services::list_keys(&api.app, id(&service)?)
        .await
        .map_err(problem)?;
    let data: Vec<Value> = found
        .iter()
        .map(|key| {
            json!({
                "id": key.id, "name": key.name, "key_type": key.key_type,
                "created_at": key.created_at, "expiry_date": key.revoked_at,
            })
        })
        .collect();
    Ok(answer::json(StatusCode::OK, &json!({"data": data})))
}

#[derive(Debug, Deserialize)]
struct Create {
    name: String,
    key_type: KeyType,
}

/// `POST /service/<id>/api-key`: the only answer that holds the secret.
pub(crate) async fn create_api_key(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let create: Create = read(body).await?;
    let made = services::create_key(&api.app, id(&service)?, &create.name, create.key_type)
        .await
        .map_err(problem)?;
    let data = json!({"id": made.id, "key_type": made.key_type, "key": made.key.reveal()});
    Ok(answer::json(StatusCode::CREATED, &json!({"data": data})))
}

/// `POST /service/<id>/api-key/revoke/<key>`
pub(crate) async fn revoke_api_key(
    State(api): State<Api>,
    _: Internal,
    Path((service, key)): Path<(String, String)>,
) -> Result<Response, Problem> {
    services::revoke_key(&api.app, id(&service)?, id(&key)?)
        .await
        .map_err(problem)?;
    Ok(answer::json(StatusCode::ACCEPTED, &json!({})))
}
