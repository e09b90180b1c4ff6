use app::services;
use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::{id, read, services::problem};
use crate::{Api, answer, callers::Internal, problem::Problem};

#[derive(Debug, Deserialize)]
struct SmsSender {
    sms_sender: String,
    #[serde(default)]
    is_default: bool,
}

/// `POST /service/<id>/sms-sender`
pub(crate) async fn create_sms_sender(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let new: SmsSender = read(body).await?;
    let made =
        services::add_sms_sender(&api.app, id(&service)?, &new.sms_sender, new.is_default).await;
    let made = made.map_err(problem)?;
    let data = json!({"id": made.id, "sms_sender": made.sms_sender, "is_default": made.is_default});
    Ok(answer::json(StatusCode::CREATED, &json!({"data": data})))
}

#[derive(Debug, Deserialize)]
struct ReplyTo {
    email_address: String,
    #[serde(default)]
    is_default: bool,
}

/// `POST /service/<id>/email-reply-to`
pub(crate) async fn create_reply_to(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let new: ReplyTo = read(body).await?;
    let made =
        services::add_reply_to(&api.app, id(&service)?, &new.email_address, new.is_default).await;
    let made = made.map_err(problem)?;
    let data =
        json!({"id": made.id, "email_address": made.email_address, "is_default": made.is_default});
    Ok(answer::json(StatusCode::CREATED, &json!({"data": data})))
}

#[derive(Debug, Deserialize)]
struct Guest {
    recipient: String,
}

/// `POST /service/<id>/guest-list`
pub(crate) async fn add_guest(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let guest: Guest = read(body).await?;
    services::add_guest(&api.app, id(&service)?, &guest.recipient)
        .await
        .map_err(problem)?;
    Ok(answer::json(
        StatusCode::CREATED,
        &json!({"data": {"recipient": guest.recipient}}),
    ))
}
