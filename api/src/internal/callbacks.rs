use app::{
    callbacks::replay::Replay,
    manage::callbacks::{self, Attempt, Callback, CallbackChange, Filter},
};
use axum::{
    extract::{Query, State},
    response::Response,
};
use domain::{CallbackAttemptId, CallbackKind, CallbackOutcome, ServiceId, Timestamp};
use futures::future::BoxFuture;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{created, fields::Fields, ids::Id, listed, no_content, ok};
use crate::{Api, json, problem::Problem};

/// Attempts in one response.
const PAGE_SIZE: u32 = 250;

type Handled = BoxFuture<'static, Result<Response, Problem>>;

/// Returns a callback without its token, which is never shown.
fn callback_view(service: ServiceId, callback: &Callback) -> Value {
    json!({
        "id": callback.id,
        "service_id": service,
        "callback_type": callback.kind,
        "url": callback.url.reveal(),
        "letters": callback.letters,
        "signing_secrets": callback.secrets.len(),
        "failing_since": callback.failing_since,
        "paused_at": callback.paused_at,
        "updated_by_id": callback.updated_by,
        "created_at": callback.created_at,
        "updated_at": callback.updated_at,
    })
}

/// `GET /service/<id>/<kind>-api`. A service has at most one callback of each kind, so none is named by an id.
pub(crate) fn get(kind: CallbackKind) -> impl Fn(State<Api>, Id<ServiceId>) -> Handled + Clone {
    move |State(api), Id(service)| {
        Box::pin(async move {
            let found = callbacks::find(&api.app, service, kind).await?;
            Ok(ok(&callback_view(service, &found)))
        })
    }
}

/// `POST /service/<id>/<kind>-api`: 201 if the service had none of this kind, 200 if it is changed; fields that are
/// missing stay as they are.
pub(crate) fn set(
    kind: CallbackKind,
) -> impl Fn(State<Api>, Id<ServiceId>, Fields) -> Handled + Clone {
    move |State(api), Id(service), mut fields| {
        Box::pin(async move {
            let change = CallbackChange {
                url: fields.optional("url"),
                bearer_token: fields.optional("bearer_token"),
                letters: fields.optional("letters"),
                updated_by: fields.optional("updated_by_id"),
            };
            fields.finish()?;
            let (callback, is_new) = callbacks::set(&api.app, service, kind, change).await?;
            let value = callback_view(service, &callback);
            Ok(if is_new { created(&value) } else { ok(&value) })
        })
    }
}

/// `DELETE /service/<id>/<kind>-api`
pub(crate) fn delete(kind: CallbackKind) -> impl Fn(State<Api>, Id<ServiceId>) -> Handled + Clone {
    move |State(api), Id(service)| {
        Box::pin(async move {
            callbacks::delete(&api.app, service, kind).await?;
            Ok(no_content())
        })
    }
}

/// `POST /service/<id>/<kind>-api/secret`: the only response that shows the secret. The one before it signs as well.
pub(crate) fn rotate_secret(
    kind: CallbackKind,
) -> impl Fn(State<Api>, Id<ServiceId>) -> Handled + Clone {
    move |State(api), Id(service)| {
        Box::pin(async move {
            let secret = callbacks::rotate_secret(&api.app, service, kind).await?;
            Ok(created(&json!({"secret": secret.reveal()})))
        })
    }
}

/// `DELETE /service/<id>/<kind>-api/secret`
pub(crate) fn forget_old_secret(
    kind: CallbackKind,
) -> impl Fn(State<Api>, Id<ServiceId>) -> Handled + Clone {
    move |State(api), Id(service)| {
        Box::pin(async move {
            callbacks::forget_old_secret(&api.app, service, kind).await?;
            Ok(no_content())
        })
    }
}

/// `POST /service/<id>/<kind>-api/resume`
pub(crate) fn resume(kind: CallbackKind) -> impl Fn(State<Api>, Id<ServiceId>) -> Handled + Clone {
    move |State(api), Id(service)| {
        Box::pin(async move {
            callbacks::resume(&api.app, service, kind).await?;
            Ok(no_content())
        })
    }
}

/// Which attempts are listed.
#[derive(Deserialize)]
pub(crate) struct AttemptQuery {
    kind: Option<CallbackKind>,
    outcome: Option<CallbackOutcome>,
    /// The notification, inbound SMS or complaint.
    subject: Option<Uuid>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    older_than: Option<CallbackAttemptId>,
}

/// `GET /service/<id>/callbacks`: newest first.
pub(crate) async fn list_callback_attempts(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
    Query(query): Query<AttemptQuery>,
) -> Result<Response, Problem> {
    let filter = Filter {
        kind: query.kind,
        subject_id: query.subject,
        outcomes: query.outcome.into_iter().collect(),
        since: query.since,
        until: query.until,
        ..Filter::default()
    };
    let older_than = query.older_than;
    let found = callbacks::list_attempts(&api.app, service, &filter, older_than, PAGE_SIZE).await?;
    Ok(listed(&found, attempt_view))
}

fn attempt_view(attempt: &Attempt) -> Value {
    json!({
        "id": attempt.id, "callback_type": attempt.kind, "subject_id": attempt.subject_id,
        "attempt": attempt.attempt, "outcome": attempt.outcome, "status": attempt.status,
        "latency_ms": attempt.latency_ms, "answer": attempt.answer, "created_at": attempt.created_at,
        "replayed_at": attempt.replayed_at,
    })
}

/// `POST /service/<id>/callbacks/replay`: of one attempt by its `id`, or of all that match; without `outcomes`, of those
/// that the service has not been told of.
pub(crate) async fn replay_callbacks(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let replay = Replay {
        id: fields.optional("id"),
        kind: fields.optional("kind"),
        subject_id: fields.optional("subject"),
        outcomes: fields.optional("outcomes").unwrap_or_default(),
        since: fields.optional("since"),
        until: fields.optional("until"),
        ..Replay::default()
    };
    fields.finish()?;
    callbacks::replay(&api.app, service, replay).await?;
    Ok(json::response(
        StatusCode::ACCEPTED,
        &json!({"data": {"enqueued": true}}),
    ))
}
