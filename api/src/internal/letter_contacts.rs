use app::manage::letter_contacts::{self, ContactChange, LetterContact};
use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use domain::{LetterContactId, ServiceId};
use serde_json::{Value, json};

use super::{created, fields::Fields, id, listed, ok, problem};
use crate::{Api, callers::Internal, problem::Problem};

fn shown(service: ServiceId, one: &LetterContact) -> Value {
    json!({
        "id": one.id,
        "service_id": service,
        "contact_block": one.contact_block,
        "is_default": one.is_default,
        "archived": false,
    })
}

/// `GET /service/<id>/letter-contact`: those that are not archived.
pub(crate) async fn list_letter_contacts(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
) -> Result<Response, Problem> {
    let service = id(&service)?;
    let found = letter_contacts::list(&api.app, service)
        .await
        .map_err(problem)?;
    Ok(listed(&found, |one| shown(service, one)))
}

/// `POST /service/<id>/letter-contact`
pub(crate) async fn create_letter_contact(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let service = id(&service)?;
    let mut fields = Fields::read(body).await?;
    let contact_block: String = fields.need("contact_block");
    let is_default = fields.may("is_default");
    fields.finish()?;
    let made = letter_contacts::create(&api.app, service, &contact_block, is_default)
        .await
        .map_err(problem)?;
    Ok(created(&shown(service, &made)))
}

/// `GET /service/<id>/letter-contact/<contact>`
pub(crate) async fn get_letter_contact(
    State(api): State<Api>,
    _: Internal,
    Path((service, contact)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let service = id(&service)?;
    let found = letter_contacts::find(&api.app, service, id(&contact)?)
        .await
        .map_err(problem)?;
    Ok(ok(&shown(service, &found)))
}

/// `POST /service/<id>/letter-contact/<contact>`
pub(crate) async fn update_letter_contact(
    State(api): State<Api>,
    _: Internal,
    Path((service, contact)): Path<(String, String)>,
    body: Body,
) -> Result<Response, Problem> {
    let (service, contact): (_, LetterContactId) = (id(&service)?, id(&contact)?);
    let mut fields = Fields::read(body).await?;
    let change = ContactChange {
        contact_block: fields.may("contact_block"),
        is_default: fields.may("is_default"),
    };
    fields.finish()?;
    let after = letter_contacts::update(&api.app, service, contact, change)
        .await
        .map_err(problem)?;
    Ok(ok(&shown(service, &after)))
}

/// `POST /service/<id>/letter-contact/<contact>/archive`
pub(crate) async fn archive_letter_contact(
    State(api): State<Api>,
    _: Internal,
    Path((service, contact)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let service = id(&service)?;
    let archived = letter_contacts::archive(&api.app, service, id(&contact)?)
        .await
        .map_err(problem)?;
    let mut value = shown(service, &archived);
    value["archived"] = true.into();
    Ok(ok(&value))
}
