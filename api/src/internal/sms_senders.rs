use app::manage::sms_senders::{self, SenderChange, SmsSender};
use axum::{extract::State, response::Response};
use domain::{ServiceId, SmsSenderId};
use serde_json::{Value, json};

use super::{
    created,
    fields::Fields,
    ids::{Id, Ids},
    listed, ok,
};
use crate::{Api, problem::Problem};

fn sms_sender_view(service: ServiceId, one: &SmsSender) -> Value {
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
    Id(service): Id<ServiceId>,
) -> Result<Response, Problem> {
    let found = sms_senders::list(&api.app, service).await?;
    Ok(listed(&found, |one| sms_sender_view(service, one)))
}

/// `POST /service/<id>/sms-sender`
pub(crate) async fn create_sms_sender(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let sms_sender: String = fields.or_default("sms_sender");
    let is_default = fields.optional("is_default");
    fields.finish()?;
    let made = sms_senders::create(&api.app, service, &sms_sender, is_default).await?;
    Ok(created(&sms_sender_view(service, &made)))
}

/// `GET /service/<id>/sms-sender/<sender>`
pub(crate) async fn get_sms_sender(
    State(api): State<Api>,
    Ids(service, sender): Ids<ServiceId, SmsSenderId>,
) -> Result<Response, Problem> {
    let found = sms_senders::find(&api.app, service, sender).await?;
    Ok(ok(&sms_sender_view(service, &found)))
}

/// `POST /service/<id>/sms-sender/<sender>`
pub(crate) async fn update_sms_sender(
    State(api): State<Api>,
    Ids(service, sender): Ids<ServiceId, SmsSenderId>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let change = SenderChange {
        sms_sender: fields.optional("sms_sender"),
        is_default: fields.optional("is_default"),
    };
    fields.finish()?;
    let after = sms_senders::update(&api.app, service, sender, change).await?;
    Ok(ok(&sms_sender_view(service, &after)))
}

/// `POST /service/<id>/sms-sender/<sender>/archive`
pub(crate) async fn archive_sms_sender(
    State(api): State<Api>,
    Ids(service, sender): Ids<ServiceId, SmsSenderId>,
) -> Result<Response, Problem> {
    let archived = sms_senders::archive(&api.app, service, sender).await?;
    let mut value = sms_sender_view(service, &archived);
    value["archived"] = true.into();
    Ok(ok(&value))
}
