use app::manage::reply_to_addresses::{self, ReplyTo, ReplyToChange};
use axum::{extract::State, response::Response};
use domain::{ReplyToId, ServiceId};
use serde_json::{Value, json};

use super::{
    created,
    fields::Fields,
    ids::{Id, Ids},
    listed, ok,
};
use crate::{Api, problem::Problem};

fn reply_to_view(service: ServiceId, one: &ReplyTo) -> Value {
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
    Id(service): Id<ServiceId>,
) -> Result<Response, Problem> {
    let found = reply_to_addresses::list(&api.app, service).await?;
    Ok(listed(&found, |one| reply_to_view(service, one)))
}

/// `POST /service/<id>/email-reply-to`
pub(crate) async fn create_reply_to(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let email_address: String = fields.or_default("email_address");
    let is_default = fields.optional("is_default");
    fields.finish()?;
    let made = reply_to_addresses::create(&api.app, service, &email_address, is_default).await?;
    Ok(created(&reply_to_view(service, &made)))
}

/// `GET /service/<id>/email-reply-to/<reply_to>`
pub(crate) async fn get_reply_to(
    State(api): State<Api>,
    Ids(service, reply_to): Ids<ServiceId, ReplyToId>,
) -> Result<Response, Problem> {
    let found = reply_to_addresses::find(&api.app, service, reply_to).await?;
    Ok(ok(&reply_to_view(service, &found)))
}

/// `POST /service/<id>/email-reply-to/<reply_to>`
pub(crate) async fn update_reply_to(
    State(api): State<Api>,
    Ids(service, reply_to): Ids<ServiceId, ReplyToId>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let change = ReplyToChange {
        email_address: fields.optional("email_address"),
        is_default: fields.optional("is_default"),
    };
    fields.finish()?;
    let after = reply_to_addresses::update(&api.app, service, reply_to, change).await?;
    Ok(ok(&reply_to_view(service, &after)))
}

/// `POST /service/<id>/email-reply-to/<reply_to>/archive`
pub(crate) async fn archive_reply_to(
    State(api): State<Api>,
    Ids(service, reply_to): Ids<ServiceId, ReplyToId>,
) -> Result<Response, Problem> {
    let archived = reply_to_addresses::archive(&api.app, service, reply_to).await?;
    let mut value = reply_to_view(service, &archived);
    value["archived"] = true.into();
    Ok(ok(&value))
}
