use app::inbound_sms::{self, NewInboundSms, Received};
use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse as _, Response},
};
use domain::{Private, Reporter, Timestamp};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

use super::{
    field,
    mmg_text::{form_decoded, unescaped},
    read_form, read_object,
};
use crate::{Api, answer, callers::sign_in, problem::Problem};

/// The name that Firetext signs in with.
const FIRETEXT_USER: &str = "notify";

/// `POST /notifications/sms/receive/mmg` (`docs/spec/public-api.md` §22.2): the body is read before the caller is
/// known.
pub(crate) async fn receive_mmg(
    State(api): State<Api>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let members = read_object(body).await?;
    let known = &api.settings.text_bringers;
    sign_in(&headers, &known.mmg_users, &known.mmg_passwords)?;
    let text = mmg_text(&members).ok_or_else(Problem::not_understood)?;
    match receive(&api, text).await? {
        Received::Kept => Ok(ok()),
        Received::NotOurs => {
            let html = HeaderValue::from_static("text/html; charset=utf-8");
            Ok(([(header::CONTENT_TYPE, html)], "RECEIVED").into_response())
        }
    }
}

/// `POST /notifications/sms/receive/firetext` (`docs/spec/public-api.md` §22.2)
pub(crate) async fn receive_firetext(
    State(api): State<Api>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let users: [Private<String>; 1] = [FIRETEXT_USER.to_owned().into()];
    sign_in(
        &headers,
        &users,
        &api.settings.text_bringers.firetext_passwords,
    )?;
    let form = read_form(body).await?;
    let text = firetext_text(&form).ok_or_else(Problem::not_understood)?;
    receive(&api, text).await?;
    Ok(ok())
}

fn ok() -> Response {
    answer::json(StatusCode::OK, &json!({"status": "ok"}))
}

async fn receive(api: &Api, text: NewInboundSms) -> Result<Received, Problem> {
    inbound_sms::receive(&api.app, text)
        .await
        .map_err(Problem::fault_old)
}

fn mmg_text(members: &Map<String, Value>) -> Option<NewInboundSms> {
    let text = |name: &str| match members.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let written = text("DateRecieved").map(|time| form_decoded(&time));
    Some(NewInboundSms {
        provider: Reporter::Mmg,
        dialled: text("Number")?,
        from: text("MSISDN")?.into(),
        content: unescaped(&form_decoded(&text("Message")?)).into(),
        provider_reference: text("ID").filter(|id| !id.is_empty()),
        written_at: written.as_deref().and_then(moment),
    })
}

fn firetext_text(form: &[(String, String)]) -> Option<NewInboundSms> {
    Some(NewInboundSms {
        provider: Reporter::Firetext,
        dialled: field(form, "destination")?.to_owned(),
        from: field(form, "source")?.to_owned().into(),
        content: field(form, "message")?.replace('\0', "").into(),
        provider_reference: None,
        written_at: field(form, "time").and_then(moment),
    })
}

/// A time as the providers write it, in UTC.
fn moment(text: &str) -> Option<Timestamp> {
    text.trim().parse().ok()
}
