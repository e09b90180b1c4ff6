use app::manage::callbacks::{self, Callback, CallbackChange};
use axum::{extract::State, response::Response};
use domain::{CallbackKind, ServiceId};
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::{created, fields::Fields, ids::Id, no_content, ok};
use crate::{Api, problem::Problem};

type Handled = BoxFuture<'static, Result<Response, Problem>>;

/// Returns a callback without its token, which is never shown.
fn callback_view(service: ServiceId, callback: &Callback) -> Value {
    json!({
        "id": callback.id,
        "service_id": service,
        "callback_type": callback.kind,
        "url": callback.url.reveal(),
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
