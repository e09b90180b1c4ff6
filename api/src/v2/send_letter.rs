use app::accept::{
    self, AcceptedLetter, AcceptedPrecompiledLetter, LetterRequest, PrecompiledLetterRequest,
};
use axum::{body::Body, extract::State, response::Response};
use domain::{Channel, NotificationId, Postage, TemplateId};
use http::HeaderMap;
use serde::Serialize;
use serde_json::Value;

use super::{
    Accepted, AcceptedTemplate,
    idempotency::{Admission, AdmittedRequest, SendRequest},
    request_body::{Id, InlandPostage, Object, Text, request_body},
};
use crate::{Api, auth::ServiceKey, body_limit, json, links, problem::Problem};

request_body! {
    LetterBody {
        reference: Option<Text<1000>>,
        template_id: Id<TemplateId>,
        personalisation: Object,
    }
}

request_body! {
    PrecompiledLetterBody {
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

/// `POST /v2/notifications/letter` (`docs/spec/public-api.md` §6, §10): from a template, or
/// precompiled if the body has the key `content`.
pub(crate) async fn send_letter(
    State(api): State<Api>,
    caller: ServiceKey,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let send = SendRequest {
        api: &api,
        caller: &caller,
        route: "POST /v2/notifications/letter",
        channel: Some(Channel::Letter),
        headers: &headers,
        max_body_bytes: body_limit::MAX_BODY_BYTES,
    };
    let admitted = match send.admit(body).await? {
        Admission::New(admitted) => admitted,
        Admission::Replayed(response) => return Ok(response),
    };
    let body = json::parse_v2(&admitted.body)?;
    if body.get("content").is_some() {
        return send_precompiled(&api, &caller, &admitted, body).await;
    }
    let body = LetterBody::parse(body, api.app.clock().now())?;
    let request = LetterRequest {
        template_id: body.template_id.value,
        personalisation: body.personalisation,
        reference: body.reference,
    };

    let root = links::root_url(&api, &headers);
    let write = |accepted: &AcceptedLetter| json::to_json_bytes(&response(accepted, &root));
    let accepted = accept::letter(&api.app, &caller.0, request, admitted.idempotent(&write)).await;
    admitted.respond(&api, &caller, accepted, write).await
}

fn response<'a>(accepted: &'a AcceptedLetter, root: &str) -> Accepted<'a, Content<'a>> {
    Accepted {
        content: Content {
            body: &accepted.body,
            subject: &accepted.subject,
        },
        id: accepted.id,
        reference: accepted.reference.as_deref(),
        sanitised_content: None,
        scheduled_for: (),
        template: AcceptedTemplate::new(&accepted.template, root),
        uri: format!("{root}v2/notifications/{}", accepted.id),
    }
}

/// Sends a precompiled PDF (`docs/spec/public-api.md` §11).
async fn send_precompiled(
    api: &Api,
    caller: &ServiceKey,
    admitted: &AdmittedRequest,
    body: Value,
) -> Result<Response, Problem> {
    let body = PrecompiledLetterBody::parse(body, api.app.clock().now())?;
    let request = PrecompiledLetterRequest {
        reference: body.reference,
        content: body.content,
        postage: body.postage,
    };
    let write = |accepted: &AcceptedPrecompiledLetter| {
        json::to_json_bytes(&AcceptedPages {
            id: accepted.id,
            postage: accepted.postage,
            reference: &accepted.reference,
        })
    };
    let accepted =
        accept::precompiled(&api.app, &caller.0, request, admitted.idempotent(&write)).await;
    admitted.respond(api, caller, accepted, write).await
}
