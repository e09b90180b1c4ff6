use app::notifications::accept::{self, EmailOrder, Sanitised};
use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse as _, Response},
};
use content::email_addresses::EmailAddress;
use domain::Channel;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value, json};

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
struct Content {
    body: String,
    from_email: String,
    one_click_unsubscribe_url: Option<String>,
    subject: String,
}

/// `POST /v2/notifications/email` (public-api §6, §8)
pub(crate) async fn send_email(
    State(api): State<Api>,
    ServiceKey(caller): ServiceKey,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    app::limits::pass(&api.app, &caller, Channel::Email).await?;
    let body = answer::parse_v2(&answer::read_body(body).await?)?;
    let mut members = Members(SCHEMA.check(body, api.app.clock().now())?);
    let order = order(&mut members);

    let service = caller.tenant.service.id;
    let accepted = accept::email(&api.app, &caller, order)
        .await
        .map_err(|error| problem::accepting(error, service, &api.app.settings.admin_base_url))?;

    let root = answer::url_root(&api, &headers);
    let answer = Accepted {
        content: Content {
            body: accepted.body,
            from_email: accepted.from_email,
            one_click_unsubscribe_url: accepted.one_click_unsubscribe_url,
            subject: accepted.subject,
        },
        id: accepted.id,
        reference: accepted.reference,
        sanitised_content: Some(sanitised_content(accepted.sanitised)),
        scheduled_for: (),
        template: AcceptedTemplate::new(&accepted.template, &root),
        uri: format!("{root}v2/notifications/{}", accepted.id),
    };
    Ok(answer::raw_json(StatusCode::CREATED, &answer).into_response())
}

fn order(members: &mut Members) -> EmailOrder {
    let as_given = members
        .text("email_address")
        .expect("the schema requires it");
    EmailOrder {
        email_address: EmailAddress::parse(&as_given).expect("the schema checks it"),
        as_given,
        template_id: members.id("template_id").expect("the schema requires it").0,
        personalisation: members.object("personalisation"),
        reference: members.text("reference"),
        email_reply_to_id: members.id("email_reply_to_id"),
        one_click_unsubscribe_url: members.text("one_click_unsubscribe_url"),
        sanitise_content_for: members.texts("sanitise_content_for"),
    }
}

/// An entry for each value that was changed, by its name as sent (public-api §8.2).
fn sanitised_content(changed: Vec<Sanitised>) -> Value {
    let mut entries: Map<String, Value> = changed
        .into_iter()
        .map(|one| {
            (
                one.name,
                json!({"sanitised": one.sanitised, "unsanitised": one.unsanitised}),
            )
        })
        .collect();
    entries.sort_keys();
    Value::Object(entries)
}
