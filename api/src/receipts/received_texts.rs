//! Inbound text messages (`docs/spec/public-api.md` §22.2).

use app::receipts::inbound_sms::{self, NewInboundSms, ReceivedSms};
use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use domain::{Private, SmsReceiptSource};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use providers::sms::{
    firetext, mmg,
    receipts::{InboundError, InboundSms},
};
use serde_json::json;

use super::read_body;
use crate::{Api, auth::sign_in, body_limit::RequestBody, json, problem::Problem};

/// `POST /notifications/sms/receive/mmg`
pub(crate) async fn receive_mmg_text(
    State(api): State<Api>,
    headers: HeaderMap,
    body: RequestBody,
) -> Result<Response, Problem> {
    let inbound = mmg::parse_inbound(&read_body(body).await?);
    // A body that cannot be parsed is reported even to an unknown caller; a missing field only to a known one.
    if inbound == Err(InboundError::Malformed) {
        return Err(Problem::unreadable_body());
    }
    let known = &api.settings.inbound_sms_credentials;
    sign_in(&headers, &known.mmg_users, &known.mmg_passwords)?;
    match receive(&api, SmsReceiptSource::Mmg, inbound).await? {
        ReceivedSms::Stored => Ok(ok()),
        ReceivedSms::UnknownNumber => {
            let html = HeaderValue::from_static("text/html; charset=utf-8");
            Ok(([(header::CONTENT_TYPE, html)], "RECEIVED").into_response())
        }
    }
}

/// `POST /notifications/sms/receive/firetext`
pub(crate) async fn receive_firetext_text(
    State(api): State<Api>,
    headers: HeaderMap,
    body: RequestBody,
) -> Result<Response, Problem> {
    // The contract fixes its user name; only the passwords are settings.
    let users: [Private<String>; 1] = [firetext::INBOUND_USER.to_owned().into()];
    let known = &api.settings.inbound_sms_credentials;
    sign_in(&headers, &users, &known.firetext_passwords)?;
    let inbound = firetext::parse_inbound(&read_body(body).await?);
    // Whether the number is known or not, Firetext gets the same response.
    receive(&api, SmsReceiptSource::Firetext, inbound).await?;
    Ok(ok())
}

fn ok() -> Response {
    json::response(StatusCode::OK, &json!({"status": "ok"}))
}

async fn receive(
    api: &Api,
    provider: SmsReceiptSource,
    inbound: Result<InboundSms, InboundError>,
) -> Result<ReceivedSms, Problem> {
    let inbound = inbound.map_err(|_| Problem::unreadable_body())?;
    receive_from(api, provider, inbound).await
}

/// Stores an inbound message of a caller that has been checked.
pub(super) async fn receive_from(
    api: &Api,
    provider: SmsReceiptSource,
    inbound: InboundSms,
) -> Result<ReceivedSms, Problem> {
    let text = NewInboundSms {
        provider,
        dialled: inbound.dialled,
        from: inbound.from,
        content: inbound.content,
        provider_reference: inbound.provider_reference,
        written_at: inbound.written_at,
    };
    inbound_sms::receive(&api.app, text)
        .await
        .map_err(Problem::legacy_internal)
}
