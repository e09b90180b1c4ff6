use app::{
    App, Caller,
    accept::{self, AcceptError, AcceptedSms, SmsRequest, idempotency::IdempotentRequest},
};
use axum::response::Response;
use domain::{Channel, SmsSenderId, TemplateId, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::{
    Accepted,
    request_body::{Given, Id, Object, Phone, ScheduledFor, Text, request_body},
    send_message::{Message, SendCall},
};
use crate::{body_limit::RequestBody, json, problem::Problem};

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
pub(crate) async fn send_sms(call: SendCall, body: RequestBody) -> Result<Response, Problem> {
    let route = "POST /v2/notifications/sms";
    call.serve::<SmsRequest>(route, Channel::Sms, body).await
}

impl Message for SmsRequest {
    type Accepted = AcceptedSms;

    fn parse(body: Value, now: Timestamp) -> Result<Self, Problem> {
        SmsBody::parse(body, now).map(to_request)
    }

    async fn accept(
        self,
        app: &App,
        caller: &Caller,
        once: Option<IdempotentRequest<'_, AcceptedSms>>,
    ) -> Result<AcceptedSms, AcceptError> {
        accept::sms(app, caller, self, once).await
    }

    fn response(accepted: &AcceptedSms, root: &str) -> Vec<u8> {
        json::to_json_bytes(&response(accepted, root))
    }
}

fn response<'a>(accepted: &'a AcceptedSms, root: &str) -> Accepted<'a, Content<'a>> {
    let content = Content {
        body: &accepted.body,
        from_number: accepted.from_number.as_deref(),
    };
    let reference = accepted.reference.as_deref();
    Accepted::new(content, accepted.id, reference, &accepted.template, root)
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
