use app::manage::callbacks::{self, Callback, CallbackChange};
use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
    routing::{MethodRouter, get},
};
use domain::{CallbackKind, ServiceId};
use serde_json::{Value, json};

use super::{created, fields::Fields, id, no_content, ok, problem};
use crate::{Api, callers::Internal, problem::Problem};

/// The endpoints of one kind of callback: a service has one at most of each, so none is named by an id.
pub(crate) fn of(kind: CallbackKind) -> MethodRouter<Api> {
    get(move |State(api), _: Internal, Path(service)| get_callback(api, kind, service))
        .post(move |State(api), _: Internal, Path(service), body| {
            set_callback(api, kind, service, body)
        })
        .delete(move |State(api), _: Internal, Path(service)| delete_callback(api, kind, service))
}

/// The token stays inside.
fn shown(service: ServiceId, callback: &Callback) -> Value {
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

async fn get_callback(api: Api, kind: CallbackKind, service: String) -> Result<Response, Problem> {
    let service = id(&service)?;
    let found = callbacks::find(&api.app, service, kind)
        .await
        .map_err(problem)?;
    Ok(ok(&shown(service, &found)))
}

/// 201 if the service had none of this kind, 200 if it is changed; then what is not given stays.
async fn set_callback(
    api: Api,
    kind: CallbackKind,
    service: String,
    body: Body,
) -> Result<Response, Problem> {
    let service = id(&service)?;
    let mut fields = Fields::read(body).await?;
    let change = CallbackChange {
        url: fields.may("url"),
        bearer_token: fields.may("bearer_token"),
        updated_by: fields.may("updated_by_id"),
    };
    fields.finish()?;
    let (callback, is_new) = callbacks::set(&api.app, service, kind, change)
        .await
        .map_err(problem)?;
    let value = shown(service, &callback);
    Ok(if is_new { created(&value) } else { ok(&value) })
}

async fn delete_callback(
    api: Api,
    kind: CallbackKind,
    service: String,
) -> Result<Response, Problem> {
    callbacks::delete(&api.app, id(&service)?, kind)
        .await
        .map_err(problem)?;
    Ok(no_content())
}
