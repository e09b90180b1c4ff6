use app::manage::sms_senders::{self, SenderChange, SmsSender};
use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use domain::{ServiceId, SmsSenderId};
use serde_json::{Value, json};

use super::{created, fields::Fields, id, listed, ok, problem};
use crate::{Api, callers::Internal, problem::Problem};

fn shown(service: ServiceId, one: &SmsSender) -> Value {
    json!({
        "id": one.id,
        "service_id": service,
        "sms_sender": one.sms_sender,
        "is_default": one.is_default,
        "inbound_number_id": one.inbound_number_id,
        "archived": false,
    })
}

/// `GET /service/<id>/sms-sender`: those that are not archived.
pub(crate) async fn list_sms_senders(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
) -> Result<Response, Problem> {
    let service = id(&service)?;
    let found = sms_senders::list(&api.app, service)
        .await
        .map_err(problem)?;
    Ok(listed(&found, |one| shown(service, one)))
}

/// `POST /service/<id>/sms-sender`
pub(crate) async fn create_sms_sender(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let service = id(&service)?;
    let mut fields = Fields::read(body).await?;
    let sms_sender: String = fields.need("sms_sender");
    let is_default = fields.may("is_default");
    fields.finish()?;
    let made = sms_senders::create(&api.app, service, &sms_sender, is_default)
        .await
        .map_err(problem)?;
    Ok(created(&shown(service, &made)))
}

/// `GET /service/<id>/sms-sender/<sender>`
pub(crate) async fn get_sms_sender(
    State(api): State<Api>,
    _: Internal,
    Path((service, sender)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let service = id(&service)?;
    let found = sms_senders::find(&api.app, service, id(&sender)?)
        .await
        .map_err(problem)?;
    Ok(ok(&shown(service, &found)))
}

/// `POST /service/<id>/sms-sender/<sender>`
pub(crate) async fn update_sms_sender(
    State(api): State<Api>,
    _: Internal,
    Path((service, sender)): Path<(String, String)>,
    body: Body,
) -> Result<Response, Problem> {
    let (service, sender): (_, SmsSenderId) = (id(&service)?, id(&sender)?);
    let mut fields = Fields::read(body).await?;
    let change = SenderChange {
        sms_sender: fields.may("sms_sender"),
        is_default: fields.may("is_default"),
    };
    fields.finish()?;
    let after = sms_senders::update(&api.app, service, sender, change)
        .await
        .map_err(problem)?;
    Ok(ok(&shown(service, &after)))
}

/// `POST /service/<id>/sms-sender/<sender>/archive`
pub(crate) async fn archive_sms_sender(
    State(api): State<Api>,
    _: Internal,
    Path((service, sender)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let service = id(&service)?;
    let archived = sms_senders::archive(&api.app, service, id(&sender)?)
        .await
        .map_err(problem)?;
    let mut value = shown(service, &archived);
    value["archived"] = true.into();
    Ok(ok(&value))
}
