use app::accept::{self, AcceptedEmail, EmailRequest, Sanitised};
use axum::{body::Body, extract::State, response::Response};
use domain::{Channel, ReplyToId, TemplateId};
use http::HeaderMap;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    Accepted, AcceptedTemplate,
    idempotency::{Admission, SendRequest},
    request_body::{Email, Given, HttpsUrl, Id, List, Object, ScheduledFor, Text, request_body},
};
use crate::{Api, auth::ServiceKey, body_limit, json, links, problem::Problem};

request_body! {
    #[expect(dead_code, reason = "`scheduled_for` is checked and has no effect")]
    EmailBody {
        reference: Option<Text<1000>>,
        email_address: Email,
        template_id: Id<TemplateId>,
        personalisation: Option<Object>,
        scheduled_for: Option<ScheduledFor>,
        email_reply_to_id: Option<Id<ReplyToId>>,
        one_click_unsubscribe_url: Option<HttpsUrl>,
        sanitise_content_for: Option<List>,
    }
}

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
    let send = SendRequest {
        api: &api,
        caller: &caller,
        route: "POST /v2/notifications/email",
        channel: Some(Channel::Email),
        headers: &headers,
        max_body_bytes: body_limit::MAX_BODY_BYTES,
    };
    let admitted = match send.admit(body).await? {
        Admission::New(admitted) => admitted,
        Admission::Replayed(response) => return Ok(response),
    };
    let body = json::parse_v2(&admitted.body)?;
    let request = to_request(EmailBody::parse(body, api.app.clock().now())?);

    let root = links::root_url(&api, &headers);
    let write = |accepted: &AcceptedEmail| json::to_json_bytes(&response(accepted, &root));
    let accepted = accept::email(&api.app, &caller.0, request, admitted.idempotent(&write)).await;
    admitted.respond(&api, &caller, accepted, write).await
}

fn response<'a>(accepted: &'a AcceptedEmail, root: &str) -> Accepted<'a, Content<'a>> {
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

fn to_request(body: EmailBody) -> EmailRequest {
    EmailRequest {
        email_address: body.email_address.value,
        as_given: body.email_address.as_given,
        template_id: body.template_id.value,
        personalisation: body.personalisation.unwrap_or_default(),
        reference: body.reference,
        email_reply_to_id: body.email_reply_to_id.map(Given::into_pair),
        one_click_unsubscribe_url: body.one_click_unsubscribe_url,
        sanitise_content_for: body.sanitise_content_for.unwrap_or_default(),
    }
}

/// Returns an entry for each value that was changed, by its name as sent (`docs/spec/public-api.md` §8.2).
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
