use app::notifications::accept::{self, SmsOrder};
use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse as _, Response},
};
use content::phone_numbers::PhoneNumber;
use domain::Channel;
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use super::{
    Accepted, AcceptedTemplate,
    schema::{Members, Schema, Shape},
};
use crate::{
    Api, answer,
    callers::ServiceKey,
    problem::{self, Problem},
};

const SCHEMA: Schema = Schema {
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
struct Content {
    body: String,
    from_number: Option<String>,
}

/// `POST /v2/notifications/sms` (public-api §6, §7)
pub(crate) async fn send_sms(
    State(api): State<Api>,
    ServiceKey(caller): ServiceKey,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    app::limits::pass(&api.app, &caller, Channel::Sms).await?;
    let body = answer::parse_v2(&answer::read_body(body).await?)?;
    let mut members = Members(SCHEMA.check(body, api.app.clock().now())?);
    let order = order(&mut members);

    let service = caller.tenant.service.id;
    let accepted = accept::sms(&api.app, &caller, order)
        .await
        .map_err(|error| problem::accepting(error, service, &api.app.settings.admin_base_url))?;

    let root = answer::url_root(&api, &headers);
    let answer = Accepted {
        content: Content {
            body: accepted.body,
            from_number: accepted.from_number,
        },
        id: accepted.id,
        reference: accepted.reference,
        sanitised_content: None,
        scheduled_for: (),
        template: AcceptedTemplate::new(&accepted.template, &root),
        uri: format!("{root}v2/notifications/{}", accepted.id),
    };
    Ok(answer::raw_json(StatusCode::CREATED, &answer).into_response())
}

fn order(members: &mut Members) -> SmsOrder {
    let as_given = members
        .text("phone_number")
        .expect("the schema requires it");
    SmsOrder {
        phone_number: PhoneNumber::parse(&as_given).expect("the schema checks it"),
        as_given,
        template_id: members.id("template_id").expect("the schema requires it").0,
        personalisation: members.object("personalisation"),
        reference: members.text("reference"),
        sms_sender_id: members.id("sms_sender_id"),
    }
}
