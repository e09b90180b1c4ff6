use app::manage::providers::{self, ProviderChange, ProviderWithAuthor};
use axum::{extract::State, response::Response};
use domain::ProviderId;
use http::StatusCode;
use serde_json::{Value, json};

use super::{fields::Fields, ids::Id, listed};
use crate::{Api, json, problem::Problem};

fn provider_view(provider: &ProviderWithAuthor) -> Value {
    let details = &provider.details;
    let author = provider.author.as_ref();
    json!({
        "id": details.id,
        "display_name": details.identifier,
        "identifier": details.identifier,
        "notification_type": details.notification_type,
        "priority": details.priority,
        "resting_priority": details.resting_priority,
        "active": details.active,
        "removed": provider.is_removed,
        "supports_international": details.supports_international,
        "version": details.version,
        "updated_at": details.updated_at,
        "created_by": author.map(|user| json!({
            "id": user.id, "name": user.name, "email_address": user.email_address,
        })),
        "created_by_name": author.map(|user| &user.name),
        "reason": details.reason,
    })
}

/// The member that clients of the reference expect in place of `data`.
fn details(view: &Value) -> Response {
    json::response(StatusCode::OK, &json!({"provider_details": view}))
}

/// `GET /provider-details`
pub(crate) async fn list_providers(State(api): State<Api>) -> Result<Response, Problem> {
    let found = providers::list(&api.app).await?;
    Ok(details(&found.iter().map(provider_view).collect()))
}

/// `GET /provider-details/<id>`
pub(crate) async fn get_provider(
    State(api): State<Api>,
    Id(provider): Id<ProviderId>,
) -> Result<Response, Problem> {
    let found = providers::find(&api.app, provider).await?;
    Ok(details(&provider_view(&found)))
}

/// `GET /provider-details/<id>/versions`: newest first.
pub(crate) async fn list_provider_versions(
    State(api): State<Api>,
    Id(provider): Id<ProviderId>,
) -> Result<Response, Problem> {
    let found = providers::list_versions(&api.app, provider).await?;
    Ok(listed(&found, provider_view))
}

/// `POST /provider-details/<id>`: `priority`, `active`, `reason` and `created_by`, each optional.
pub(crate) async fn update_provider(
    State(api): State<Api>,
    Id(provider): Id<ProviderId>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let change = ProviderChange {
        priority: fields.optional("priority"),
        active: fields.optional("active"),
        created_by: fields.optional("created_by"),
        reason: fields.optional("reason"),
    };
    fields.refuse_others("Not permitted to be updated");
    fields.finish()?;
    let after = providers::update(&api.app, provider, change).await?;
    Ok(details(&provider_view(&after)))
}
