use app::manage::inbound_numbers::{self, InboundNumber};
use axum::{extract::State, response::Response};
use domain::ServiceId;
use serde_json::{Value, json};

use super::{created, fields::Fields, ids::Id, listed, no_content, ok};
use crate::{Api, problem::Problem};

fn inbound_number_view(number: &InboundNumber) -> Value {
    json!({
        "id": number.id,
        "number": number.number,
        "provider": number.provider,
        "service_id": number.service_id,
        "active": number.active,
    })
}

/// `GET /inbound-number`
pub(crate) async fn list_inbound_numbers(State(api): State<Api>) -> Result<Response, Problem> {
    let found = inbound_numbers::list(&api.app).await?;
    Ok(listed(&found, inbound_number_view))
}

/// `POST /inbound-number`: adds a number that is not assigned.
pub(crate) async fn create_inbound_number(
    State(api): State<Api>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let (number, provider): (String, String) =
        (fields.or_default("number"), fields.or_default("provider"));
    fields.finish()?;
    let made = inbound_numbers::create(&api.app, &number, &provider).await?;
    Ok(created(&inbound_number_view(&made)))
}

/// `GET /inbound-number/service/<id>`: an empty object if the service has none.
pub(crate) async fn get_inbound_number(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
) -> Result<Response, Problem> {
    let found = inbound_numbers::find_by_service(&api.app, service).await?;
    Ok(ok(&found
        .as_ref()
        .map_or_else(|| json!({}), inbound_number_view)))
}

/// `POST /inbound-number/service/<id>`: assigns the number `inbound_number_id`, or any free one.
pub(crate) async fn assign_inbound_number(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let (wanted, is_default) = (
        fields.optional("inbound_number_id"),
        fields.optional("is_default"),
    );
    fields.finish()?;
    let assigned = inbound_numbers::assign(&api.app, service, wanted, is_default).await?;
    Ok(created(&inbound_number_view(&assigned)))
}

/// `POST /inbound-number/service/<id>/off`: releases the number; with `{"archive": true}` it is
/// not assigned again.
pub(crate) async fn free_inbound_number(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let retire = fields.optional("archive").unwrap_or(false);
    fields.finish()?;
    inbound_numbers::release(&api.app, service, retire).await?;
    Ok(no_content())
}
