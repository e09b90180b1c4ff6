use app::manage::inbound_numbers::{self, InboundNumber};
use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use domain::ServiceId;
use serde_json::{Value, json};

use super::{created, fields::Fields, id, listed, no_content, ok, problem};
use crate::{Api, callers::Internal, problem::Problem};

fn shown(number: &InboundNumber) -> Value {
    json!({
        "id": number.id,
        "number": number.number,
        "provider": number.provider,
        "service_id": number.service_id,
        "active": number.active,
    })
}

/// `GET /inbound-number`
pub(crate) async fn list_inbound_numbers(
    State(api): State<Api>,
    _: Internal,
) -> Result<Response, Problem> {
    let found = inbound_numbers::list(&api.app).await.map_err(problem)?;
    Ok(listed(&found, shown))
}

/// `POST /inbound-number`: a number that is free until a service gets it.
pub(crate) async fn create_inbound_number(
    State(api): State<Api>,
    _: Internal,
    body: Body,
) -> Result<Response, Problem> {
    let mut fields = Fields::read(body).await?;
    let (number, provider): (String, String) = (fields.need("number"), fields.need("provider"));
    fields.finish()?;
    let made = inbound_numbers::create(&api.app, &number, &provider)
        .await
        .map_err(problem)?;
    Ok(created(&shown(&made)))
}

/// `GET /inbound-number/service/<id>`: an empty object if the service has none.
pub(crate) async fn get_inbound_number(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
) -> Result<Response, Problem> {
    let found = inbound_numbers::find_by_service(&api.app, id(&service)?)
        .await
        .map_err(problem)?;
    Ok(ok(&found.as_ref().map_or_else(|| json!({}), shown)))
}

/// `POST /inbound-number/service/<id>`: gives the service the number `inbound_number_id`, or any that is free.
pub(crate) async fn assign_inbound_number(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let service: ServiceId = id(&service)?;
    let mut fields = Fields::read(body).await?;
    let (wanted, is_default) = (fields.may("inbound_number_id"), fields.may("is_default"));
    fields.finish()?;
    let assigned = inbound_numbers::assign(&api.app, service, wanted, is_default)
        .await
        .map_err(problem)?;
    Ok(created(&shown(&assigned)))
}

/// `POST /inbound-number/service/<id>/off`: takes the number away; with `{"archive": true}` nobody gets it again.
pub(crate) async fn free_inbound_number(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let service: ServiceId = id(&service)?;
    let mut fields = Fields::read(body).await?;
    let use_no_more = fields.may("archive").unwrap_or(false);
    fields.finish()?;
    inbound_numbers::free(&api.app, service, use_no_more)
        .await
        .map_err(problem)?;
    Ok(no_content())
}
