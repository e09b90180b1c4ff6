use app::{
    App, Caller,
    accept::{
        self, AcceptError, AcceptedEmail, EmailRequest, Sanitised, idempotency::IdempotentRequest,
    },
};
use axum::response::Response;
use domain::{Channel, ReplyToId, TemplateId, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    Accepted,
    request_body::{Email, Given, HttpsUrl, Id, List, Object, ScheduledFor, Text, request_body},
    send_message::{Message, SendCall},
};
use crate::{body_limit::RequestBody, json, problem::Problem};

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
pub(crate) async fn send_email(call: SendCall, body: RequestBody) -> Result<Response, Problem> {
    let route = "POST /v2/notifications/email";
    call.serve::<EmailRequest>(route, Channel::Email, body)
        .await
}

impl Message for EmailRequest {
    type Accepted = AcceptedEmail;

    fn parse(body: Value, now: Timestamp) -> Result<Self, Problem> {
        EmailBody::parse(body, now).map(to_request)
    }

    async fn accept(
        self,
        app: &App,
        caller: &Caller,
        once: Option<IdempotentRequest<'_, AcceptedEmail>>,
    ) -> Result<AcceptedEmail, AcceptError> {
        accept::email(app, caller, self, once).await
    }

    fn response(accepted: &AcceptedEmail, root: &str) -> Vec<u8> {
        json::to_json_bytes(&response(accepted, root))
    }
}

fn response<'a>(accepted: &'a AcceptedEmail, root: &str) -> Accepted<'a, Content<'a>> {
    let content = Content {
        body: &accepted.body,
        from_email: &accepted.from_email,
        one_click_unsubscribe_url: accepted.one_click_unsubscribe_url.as_deref(),
        subject: &accepted.subject,
    };
    let reference = accepted.reference.as_deref();
    Accepted {
        sanitised_content: Some(sanitised_content(&accepted.sanitised)),
        ..Accepted::new(content, accepted.id, reference, &accepted.template, root)
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
    // The names come from the request in any order, and this response is written without sorting.
    entries.sort_keys();
    Value::Object(entries)
}
