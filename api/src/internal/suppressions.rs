use std::fmt::Write as _;

use app::suppression::{self, Actor, PLATFORM, Suppression, SuppressionError, SuppressionEvent};
use axum::{extract::State, response::Response};
use domain::{ServiceId, SuppressionId};
use http::StatusCode;
use serde_json::{Value, json};

use super::{
    fields::Fields,
    ids::{Id, Ids},
    listed, no_content, ok,
};
use crate::{Api, json, problem::Problem};

/// Entries and events shown at once.
const MOST: u32 = 1000;

/// `GET /service/<id>/suppression`
pub(crate) async fn list_suppressions(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
) -> Result<Response, Problem> {
    list(&api, service).await
}

/// `GET /suppression`: the list of the platform.
pub(crate) async fn list_platform_suppressions(
    State(api): State<Api>,
) -> Result<Response, Problem> {
    list(&api, PLATFORM).await
}

/// `POST /service/<id>/suppression`: adds `{"recipient": …}`, or removes it with `"remove": true`.
pub(crate) async fn change_suppression(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
    fields: Fields,
) -> Result<Response, Problem> {
    change(&api, service, fields).await
}

/// `POST /suppression`: the same for the list of the platform.
pub(crate) async fn change_platform_suppression(
    State(api): State<Api>,
    fields: Fields,
) -> Result<Response, Problem> {
    change(&api, PLATFORM, fields).await
}

/// `DELETE /service/<id>/suppression/<id>`
pub(crate) async fn remove_suppression(
    State(api): State<Api>,
    Ids(service, id): Ids<ServiceId, SuppressionId>,
) -> Result<Response, Problem> {
    remove(&api, service, id).await
}

/// `DELETE /suppression/<id>`
pub(crate) async fn remove_platform_suppression(
    State(api): State<Api>,
    Id(id): Id<SuppressionId>,
) -> Result<Response, Problem> {
    remove(&api, PLATFORM, id).await
}

/// `GET /service/<id>/suppression-events`: the audit trail.
pub(crate) async fn list_suppression_events(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
) -> Result<Response, Problem> {
    list_events(&api, service).await
}

/// `GET /suppression-events`: the audit trail of the platform's list.
pub(crate) async fn list_platform_suppression_events(
    State(api): State<Api>,
) -> Result<Response, Problem> {
    list_events(&api, PLATFORM).await
}

async fn list(api: &Api, service: ServiceId) -> Result<Response, Problem> {
    let found = suppression::list(&api.app, service, None, MOST).await;
    Ok(listed(
        &found.map_err(Problem::legacy_internal)?,
        entry_view,
    ))
}

async fn list_events(api: &Api, service: ServiceId) -> Result<Response, Problem> {
    let found = suppression::list_events(&api.app, service, MOST).await;
    Ok(listed(
        &found.map_err(Problem::legacy_internal)?,
        event_view,
    ))
}

async fn change(api: &Api, service: ServiceId, mut fields: Fields) -> Result<Response, Problem> {
    let recipient: String = fields.or_default("recipient");
    let is_removal: Option<bool> = fields.optional("remove");
    fields.finish()?;
    if is_removal == Some(true) {
        let removed =
            suppression::remove_by_recipient(&api.app, service, &recipient, Actor::Internal).await;
        return if removed.map_err(problem)? {
            Ok(ok(&json!({"recipient": recipient})))
        } else {
            Err(Problem::legacy_not_found())
        };
    }
    let added = suppression::add(&api.app, service, &recipient, Actor::Internal).await;
    let (id, is_new) = added.map_err(problem)?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok(json::response(
        status,
        &json!({"data": {"id": id, "recipient": recipient}}),
    ))
}

async fn remove(api: &Api, service: ServiceId, id: SuppressionId) -> Result<Response, Problem> {
    let removed = suppression::remove(&api.app, service, id, Actor::Internal).await;
    if removed.map_err(Problem::legacy_internal)? {
        Ok(no_content())
    } else {
        Err(Problem::legacy_not_found())
    }
}

fn problem(error: SuppressionError) -> Problem {
    match error {
        SuppressionError::InvalidRecipient => {
            let message = json!({"recipient": [format!("{error}.")]});
            Problem::legacy(StatusCode::BAD_REQUEST, message)
        }
        SuppressionError::NoSuchService => Problem::legacy_not_found(),
        SuppressionError::Store(fault) => Problem::legacy_internal(fault),
    }
}

fn entry_view(entry: &Suppression) -> Value {
    json!({
        "id": entry.id,
        "notification_type": entry.channel,
        "recipient": entry.recipient.as_ref().map(|one| one.reveal().clone()),
        "reason": entry.reason,
        "notification_id": entry.notification_id,
        "created_at": entry.created_at,
    })
}

fn event_view(event: &SuppressionEvent) -> Value {
    // The beginning of the hash is enough to tell entries apart.
    let mut hash = String::new();
    for byte in event.recipient_hash.iter().take(8) {
        let _ = write!(hash, "{byte:02x}");
    }
    json!({
        "id": event.id,
        "notification_type": event.channel,
        "recipient_hash": hash,
        "action": event.action,
        "reason": event.reason,
        "actor": event.actor,
        "created_at": event.created_at,
    })
}
