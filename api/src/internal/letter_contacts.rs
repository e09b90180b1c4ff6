use app::manage::letter_contacts::{self, ContactChange, LetterContact};
use axum::{extract::State, response::Response};
use domain::{LetterContactId, ServiceId};
use serde_json::{Value, json};

use super::{
    created,
    fields::Fields,
    ids::{Id, Ids},
    listed, ok,
};
use crate::{Api, problem::Problem};

fn letter_contact_view(service: ServiceId, one: &LetterContact) -> Value {
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
    Id(service): Id<ServiceId>,
) -> Result<Response, Problem> {
    let found = letter_contacts::list(&api.app, service).await?;
    Ok(listed(&found, |one| letter_contact_view(service, one)))
}

/// `POST /service/<id>/letter-contact`
pub(crate) async fn create_letter_contact(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let contact_block: String = fields.or_default("contact_block");
    let is_default = fields.optional("is_default");
    fields.finish()?;
    let made = letter_contacts::create(&api.app, service, &contact_block, is_default).await?;
    Ok(created(&letter_contact_view(service, &made)))
}

/// `GET /service/<id>/letter-contact/<contact>`
pub(crate) async fn get_letter_contact(
    State(api): State<Api>,
    Ids(service, contact): Ids<ServiceId, LetterContactId>,
) -> Result<Response, Problem> {
    let found = letter_contacts::find(&api.app, service, contact).await?;
    Ok(ok(&letter_contact_view(service, &found)))
}

/// `POST /service/<id>/letter-contact/<contact>`
pub(crate) async fn update_letter_contact(
    State(api): State<Api>,
    Ids(service, contact): Ids<ServiceId, LetterContactId>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let change = ContactChange {
        contact_block: fields.optional("contact_block"),
        is_default: fields.optional("is_default"),
    };
    fields.finish()?;
    let after = letter_contacts::update(&api.app, service, contact, change).await?;
    Ok(ok(&letter_contact_view(service, &after)))
}

/// `POST /service/<id>/letter-contact/<contact>/archive`
pub(crate) async fn archive_letter_contact(
    State(api): State<Api>,
    Ids(service, contact): Ids<ServiceId, LetterContactId>,
) -> Result<Response, Problem> {
    let archived = letter_contacts::archive(&api.app, service, contact).await?;
    let mut value = letter_contact_view(service, &archived);
    // The view is of one that is in use; an archived one is shown only here.
    value["archived"] = true.into();
    Ok(ok(&value))
}
