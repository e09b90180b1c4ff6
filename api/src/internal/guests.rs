use app::manage::guests::{self, Guests};
use axum::{extract::State, response::Response};
use domain::ServiceId;
use serde_json::json;

use super::{created, fields::Fields, ids::Id, no_content, ok};
use crate::{Api, problem::Problem};

/// `GET /service/<id>/guest-list`
pub(crate) async fn get_guest_list(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
) -> Result<Response, Problem> {
    let guests = guests::list(&api.app, service).await?;
    Ok(ok(&json!({
        "email_addresses": guests.email_addresses,
        "phone_numbers": guests.phone_numbers,
    })))
}

/// `PUT /service/<id>/guest-list`: replaces the list.
pub(crate) async fn replace_guest_list(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let guests = Guests {
        email_addresses: fields.or_default("email_addresses"),
        phone_numbers: fields.or_default("phone_numbers"),
    };
    fields.finish()?;
    guests::replace(&api.app, service, &guests).await?;
    Ok(no_content())
}

/// `POST /service/<id>/guest-list`: adds `{"recipient": …}`.
pub(crate) async fn add_guest(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let recipient: String = fields.or_default("recipient");
    fields.finish()?;
    guests::add(&api.app, service, &recipient).await?;
    Ok(created(&json!({"recipient": recipient})))
}
