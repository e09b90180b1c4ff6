use app::accept::{self, AcceptedSms, SmsRequest};
use axum::{body::Body, extract::State, response::Response};
use domain::{Channel, SmsSenderId, TemplateId};
use http::HeaderMap;
use serde::Serialize;

use super::{
    Accepted, AcceptedTemplate,
    idempotency::{Admission, SendRequest},
    request_body::{Given, Id, Object, Phone, ScheduledFor, Text, request_body},
};
use crate::{Api, auth::ServiceKey, body_limit, json, links, problem::Problem};

request_body! {
    #[expect(dead_code, reason = "`scheduled_for` is checked and has no effect")]
    SmsBody {
        reference: Option<Text<1000>>,
        phone_number: Phone,
        template_id: Id<TemplateId>,
        personalisation: Option<Object>,
        scheduled_for: Option<ScheduledFor>,
        sms_sender_id: Option<Id<SmsSenderId>>,
    }
}

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
    let send = SendRequest {
        api: &api,
        caller: &caller,
        route: "POST /v2/notifications/sms",
        channel: Some(Channel::Sms),
        headers: &headers,
        max_body_bytes: body_limit::MAX_BODY_BYTES,
    };
    let admitted = match send.admit(body).await? {
        Admission::New(admitted) => admitted,
        Admission::Replayed(response) => return Ok(response),
    };
    let body = json::parse_v2(&admitted.body)?;
    let request = to_request(SmsBody::parse(body, api.app.clock().now())?);

    let root = links::root_url(&api, &headers);
    let write = |accepted: &AcceptedSms| json::to_json_bytes(&response(accepted, &root));
    let accepted = accept::sms(&api.app, &caller.0, request, admitted.idempotent(&write)).await;
    admitted.respond(&api, &caller, accepted, write).await
}

fn response<'a>(accepted: &'a AcceptedSms, root: &str) -> Accepted<'a, Content<'a>> {
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

fn to_request(body: SmsBody) -> SmsRequest {
    SmsRequest {
        phone_number: body.phone_number.value,
        as_given: body.phone_number.as_given,
        template_id: body.template_id.value,
        personalisation: body.personalisation.unwrap_or_default(),
        reference: body.reference,
        sms_sender_id: body.sms_sender_id.map(Given::into_pair),
    }
}
