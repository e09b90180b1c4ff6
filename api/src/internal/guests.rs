use app::manage::guests::{self, Guests};
use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use serde_json::json;

use super::{created, fields::Fields, id, no_content, ok, problem};
use crate::{Api, callers::Internal, problem::Problem};

/// `GET /service/<id>/guest-list`
pub(crate) async fn get_guest_list(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
) -> Result<Response, Problem> {
    let guests = guests::list(&api.app, id(&service)?)
        .await
        .map_err(problem)?;
    Ok(ok(&json!({
        "email_addresses": guests.email_addresses,
        "phone_numbers": guests.phone_numbers,
    })))
}

/// `PUT /service/<id>/guest-list`: these, and nobody else.
pub(crate) async fn replace_guest_list(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let service = id(&service)?;
    let mut fields = Fields::read(body).await?;
    let guests = Guests {
        email_addresses: fields.need("email_addresses"),
        phone_numbers: fields.need("phone_numbers"),
    };
    fields.finish()?;
    guests::replace(&api.app, service, &guests)
        .await
        .map_err(problem)?;
    Ok(no_content())
}

/// `POST /service/<id>/guest-list`: one more, `{"recipient": …}`.
pub(crate) async fn add_guest(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let service = id(&service)?;
    let mut fields = Fields::read(body).await?;
    let recipient: String = fields.need("recipient");
    fields.finish()?;
    guests::add(&api.app, service, &recipient)
        .await
        .map_err(problem)?;
    Ok(created(&json!({"recipient": recipient})))
}
