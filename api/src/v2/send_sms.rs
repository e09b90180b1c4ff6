use app::accept::{self, AcceptedSms, SmsRequest};
use axum::{body::Body, extract::State, response::Response};
use domain::Channel;
use http::HeaderMap;
use recipients::phone_numbers::PhoneNumber;
use serde::Serialize;

use super::{
    Accepted, AcceptedTemplate,
    once::{Admitted, Request},
    schema::{Members, Schema, Shape},
};
use crate::{Api, answer, callers::ServiceKey, problem::Problem};

pub(crate) const SCHEMA: Schema = Schema {
    keys: &[
        ("reference", Shape::Text(1000)),
        ("phone_number", Shape::Phone),
        ("template_id", Shape::Uuid),
        ("personalisation", Shape::Object),
        ("scheduled_for", Shape::ScheduledFor),
        ("sms_sender_id", Shape::Uuid),
    ],
    required: &["phone_number", "template_id"],
};

#[derive(Debug, Serialize)]
struct Content<'a> {
    body: &'a str,
    from_number: Option<&'a str>,
}

/// `POST /v2/notifications/sms` (`docs/spec/public-api.md` §6, §7)
pub(crate) async fn send_sms(
    State(api): State<Api>,
    caller: ServiceKey,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let request = Request {
        api: &api,
        caller: &caller,
        route: "POST /v2/notifications/sms",
        channel: Some(Channel::Sms),
        headers: &headers,
        max_body_bytes: answer::MAX_BODY_BYTES,
    };
    let sending = match request.admit(body).await? {
        Admitted::New(sending) => sending,
        Admitted::Answered(response) => return Ok(response),
    };
    let body = answer::parse_v2(&sending.body)?;
    let mut members = Members(SCHEMA.check(body, api.app.clock().now())?);
    let order = order(&mut members);

    let root = answer::url_root(&api, &headers);
    let write = |accepted: &AcceptedSms| answer::written(&shown(accepted, &root));
    let accepted = accept::sms(&api.app, &caller.0, order, sending.once(&write)).await;
    sending.answer(&api, &caller, accepted, write).await
}

fn shown<'a>(accepted: &'a AcceptedSms, root: &str) -> Accepted<'a, Content<'a>> {
    Accepted {
        content: Content {
            body: &accepted.body,
            from_number: accepted.from_number.as_deref(),
        },
        id: accepted.id,
        reference: accepted.reference.as_deref(),
        sanitised_content: None,
        scheduled_for: (),
        template: AcceptedTemplate::new(&accepted.template, root),
        uri: format!("{root}v2/notifications/{}", accepted.id),
    }
}

fn order(members: &mut Members) -> SmsRequest {
    let as_given = members
        .text("phone_number")
        .expect("the schema requires it");
    SmsRequest {
        phone_number: PhoneNumber::parse(&as_given).expect("the schema checks it"),
        as_given,
        template_id: members.id("template_id").expect("the schema requires it").0,
        personalisation: members.object("personalisation"),
        reference: members.text("reference"),
        sms_sender_id: members.id("sms_sender_id"),
    }
}
