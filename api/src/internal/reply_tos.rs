use app::manage::reply_to_addresses::{self, ReplyTo, ReplyToChange};
use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use domain::{ReplyToId, ServiceId};
use serde_json::{Value, json};

use super::{created, fields::Fields, id, listed, ok, problem};
use crate::{Api, callers::Internal, problem::Problem};

fn shown(service: ServiceId, one: &ReplyTo) -> Value {
    json!({
        "id": one.id,
        "service_id": service,
        "email_address": one.email_address,
        "is_default": one.is_default,
        "archived": false,
    })
}

/// `GET /service/<id>/email-reply-to`: those that are not archived.
pub(crate) async fn list_reply_tos(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
) -> Result<Response, Problem> {
    let service = id(&service)?;
    let found = reply_to_addresses::list(&api.app, service)
        .await
        .map_err(problem)?;
    Ok(listed(&found, |one| shown(service, one)))
}

/// `POST /service/<id>/email-reply-to`
pub(crate) async fn create_reply_to(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let service = id(&service)?;
    let mut fields = Fields::read(body).await?;
    let email_address: String = fields.need("email_address");
    let is_default = fields.may("is_default");
    fields.finish()?;
    let made = reply_to_addresses::create(&api.app, service, &email_address, is_default)
        .await
        .map_err(problem)?;
    Ok(created(&shown(service, &made)))
}

/// `GET /service/<id>/email-reply-to/<reply_to>`
pub(crate) async fn get_reply_to(
    State(api): State<Api>,
    _: Internal,
    Path((service, reply_to)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let service = id(&service)?;
    let found = reply_to_addresses::find(&api.app, service, id(&reply_to)?)
        .await
        .map_err(problem)?;
    Ok(ok(&shown(service, &found)))
}

/// `POST /service/<id>/email-reply-to/<reply_to>`
pub(crate) async fn update_reply_to(
    State(api): State<Api>,
    _: Internal,
    Path((service, reply_to)): Path<(String, String)>,
    body: Body,
) -> Result<Response, Problem> {
    let (service, reply_to): (_, ReplyToId) = (id(&service)?, id(&reply_to)?);
    let mut fields = Fields::read(body).await?;
    let change = ReplyToChange {
        email_address: fields.may("email_address"),
        is_default: fields.may("is_default"),
    };
    fields.finish()?;
    let after = reply_to_addresses::update(&api.app, service, reply_to, change)
        .await
        .map_err(problem)?;
    Ok(ok(&shown(service, &after)))
}

/// `POST /service/<id>/email-reply-to/<reply_to>/archive`
pub(crate) async fn archive_reply_to(
    State(api): State<Api>,
    _: Internal,
    Path((service, reply_to)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let service = id(&service)?;
    let archived = reply_to_addresses::archive(&api.app, service, id(&reply_to)?)
        .await
        .map_err(problem)?;
    let mut value = shown(service, &archived);
    value["archived"] = true.into();
    Ok(ok(&value))
}
