use app::accept::{self, AcceptedEmail, EmailRequest, Sanitised};
use axum::{body::Body, extract::State, response::Response};
use domain::Channel;
use http::HeaderMap;
use recipients::email_addresses::EmailAddress;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    Accepted, AcceptedTemplate,
    once::{Admitted, Request},
    schema::{Members, Schema, Shape},
};
use crate::{Api, answer, callers::ServiceKey, problem::Problem};

pub(crate) const SCHEMA: Schema = Schema {
    keys: &[
        ("reference", Shape::Text(1000)),
        ("email_address", Shape::Email),
        ("template_id", Shape::Uuid),
        ("personalisation", Shape::Object),
        ("scheduled_for", Shape::ScheduledFor),
        ("email_reply_to_id", Shape::Uuid),
        ("one_click_unsubscribe_url", Shape::HttpsUrl),
        ("sanitise_content_for", Shape::List),
    ],
    required: &["email_address", "template_id"],
};

#[derive(Debug, Serialize)]
struct Content<'a> {
    body: &'a str,
    from_email: &'a str,
    one_click_unsubscribe_url: Option<&'a str>,
    subject: &'a str,
}

/// `POST /v2/notifications/email` (`docs/spec/public-api.md` §6, §8)
pub(crate) async fn send_email(
    State(api): State<Api>,
    caller: ServiceKey,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let request = Request {
        api: &api,
        caller: &caller,
        route: "POST /v2/notifications/email",
        channel: Some(Channel::Email),
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
    let write = |accepted: &AcceptedEmail| answer::written(&shown(accepted, &root));
    let accepted = accept::email(&api.app, &caller.0, order, sending.once(&write)).await;
    sending.answer(&api, &caller, accepted, write).await
}

fn shown<'a>(accepted: &'a AcceptedEmail, root: &str) -> Accepted<'a, Content<'a>> {
    Accepted {
        content: Content {
            body: &accepted.body,
            from_email: &accepted.from_email,
            one_click_unsubscribe_url: accepted.one_click_unsubscribe_url.as_deref(),
            subject: &accepted.subject,
        },
        id: accepted.id,
        reference: accepted.reference.as_deref(),
        sanitised_content: Some(sanitised_content(&accepted.sanitised)),
        scheduled_for: (),
        template: AcceptedTemplate::new(&accepted.template, root),
        uri: format!("{root}v2/notifications/{}", accepted.id),
    }
}

fn order(members: &mut Members) -> EmailRequest {
    let as_given = members
        .text("email_address")
        .expect("the schema requires it");
    EmailRequest {
        email_address: EmailAddress::parse(&as_given).expect("the schema checks it"),
        as_given,
        template_id: members.id("template_id").expect("the schema requires it").0,
        personalisation: members.object("personalisation"),
        reference: members.text("reference"),
        email_reply_to_id: members.id("email_reply_to_id"),
        one_click_unsubscribe_url: members.text("one_click_unsubscribe_url"),
        sanitise_content_for: members.items("sanitise_content_for"),
    }
}

/// An entry for each value that was changed, by its name as sent (`docs/spec/public-api.md` §8.2).
fn sanitised_content(changed: &[Sanitised]) -> Value {
    let mut entries: Map<String, Value> = changed
        .iter()
        .map(|one| {
            (
                one.name.clone(),
                json!({"sanitised": one.sanitised, "unsanitised": one.unsanitised}),
            )
        })
        .collect();
    entries.sort_keys();
    Value::Object(entries)
}
