use app::{
    App, Caller,
    accept::{
        self, AcceptError, AcceptedLetter, AcceptedPrecompiledLetter, LetterRequest,
        PrecompiledLetterRequest, idempotency::IdempotentRequest,
    },
};
use axum::response::Response;
use domain::{Channel, NotificationId, Postage, TemplateId, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::{
    Accepted,
    idempotency::{Admission, AdmittedRequest},
    request_body::{Id, InlandPostage, Object, Text, request_body},
    send_message::{Message, SendCall},
};
use crate::{body_limit::RequestBody, json, problem::Problem};

request_body! {
    LetterBody {
        reference: Option<Text<1000>>,
        template_id: Id<TemplateId>,
        personalisation: Object,
    }
}

request_body! {
    PrecompiledLetterBody {
        // Unlike that of a letter from a template, without a limit (`docs/spec/public-api.md` §5.2).
        reference: Text<{ usize::MAX }>,
        content: Text<{ usize::MAX }>,
        postage: Option<InlandPostage>,
    }
}

#[derive(Debug, Serialize)]
struct Content<'a> {
    body: &'a str,
    subject: &'a str,
}

#[derive(Debug, Serialize)]
struct AcceptedPages<'a> {
    id: NotificationId,
    postage: Postage,
    reference: &'a str,
}

/// `POST /v2/notifications/letter` (`docs/spec/public-api.md` §6, §10, §11): from a template, or precompiled if the body has
/// the key `content`.
pub(crate) async fn send_letter(call: SendCall, body: RequestBody) -> Result<Response, Problem> {
    let route = "POST /v2/notifications/letter";
    match call.admit(route, Channel::Letter, body).await? {
        Admission::New(admitted) if admitted.has_large_body() => {
            let (heavy_work, service) = (call.heavy_work(), call.service());
            let send = async move { parse_and_send(&call, &admitted).await };
            heavy_work.run(service, Box::pin(send)).await?
        }
        Admission::New(admitted) => parse_and_send(&call, &admitted).await,
        Admission::Replayed(response) => Ok(response),
    }
}

async fn parse_and_send(call: &SendCall, admitted: &AdmittedRequest) -> Result<Response, Problem> {
    let body = json::parse_v2(&admitted.body)?;
    // The key alone decides, even if its value is null (`docs/spec/public-api.md` §11).
    if body.get("content").is_some() {
        call.send::<PrecompiledLetterRequest>(admitted, body).await
    } else {
        call.send::<LetterRequest>(admitted, body).await
    }
}

impl Message for LetterRequest {
    type Accepted = AcceptedLetter;

    fn parse(body: Value, now: Timestamp) -> Result<Self, Problem> {
        let body = LetterBody::parse(body, now)?;
        Ok(Self {
            template_id: body.template_id.value,
            personalisation: body.personalisation,
            reference: body.reference,
        })
    }

    async fn accept(
        self,
        app: &App,
        caller: &Caller,
        once: Option<IdempotentRequest<'_, AcceptedLetter>>,
    ) -> Result<AcceptedLetter, AcceptError> {
        accept::letter(app, caller, self, once).await
    }

    fn response(accepted: &AcceptedLetter, root: &str) -> Vec<u8> {
        let content = Content {
            body: &accepted.body,
            subject: &accepted.subject,
        };
        let reference = accepted.reference.as_deref();
        let template = &accepted.template;
        json::to_json_bytes(&Accepted::new(
            content,
            accepted.id,
            reference,
            template,
            root,
        ))
    }
}

impl Message for PrecompiledLetterRequest {
    type Accepted = AcceptedPrecompiledLetter;

    fn parse(body: Value, now: Timestamp) -> Result<Self, Problem> {
        let body = PrecompiledLetterBody::parse(body, now)?;
        Ok(Self {
            reference: body.reference,
            content: body.content,
            postage: body.postage,
        })
    }

    async fn accept(
        self,
        app: &App,
        caller: &Caller,
        once: Option<IdempotentRequest<'_, AcceptedPrecompiledLetter>>,
    ) -> Result<AcceptedPrecompiledLetter, AcceptError> {
        accept::precompiled(app, caller, self, once).await
    }

    fn response(accepted: &AcceptedPrecompiledLetter, _: &str) -> Vec<u8> {
        json::to_json_bytes(&AcceptedPages {
            id: accepted.id,
            postage: accepted.postage,
            reference: &accepted.reference,
        })
    }
}
