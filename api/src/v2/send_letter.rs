use app::accept::{
    self, AcceptedLetter, AcceptedPrecompiledLetter, LetterRequest, PrecompiledLetterRequest,
};
use axum::{body::Body, extract::State, response::Response};
use domain::{Channel, NotificationId, Postage};
use http::HeaderMap;
use serde::Serialize;
use serde_json::Value;

use super::{
    Accepted, AcceptedTemplate,
    once::{Admitted, Request, Sending},
    schema::{Members, Schema, Shape},
};
use crate::{Api, answer, callers::ServiceKey, problem::Problem};

pub(crate) const SCHEMA: Schema = Schema {
    keys: &[
        ("reference", Shape::Text(1000)),
        ("template_id", Shape::Uuid),
        ("personalisation", Shape::Object),
    ],
    required: &["template_id", "personalisation"],
};

pub(crate) const PRECOMPILED: Schema = Schema {
    keys: &[
        ("reference", Shape::Text(usize::MAX)),
        ("content", Shape::Text(usize::MAX)),
        ("postage", Shape::Postage),
    ],
    required: &["reference", "content"],
};

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

/// `POST /v2/notifications/letter` (`docs/spec/public-api.md` §6, §10): from a template, or as PDF if the body has the
/// key `content`.
pub(crate) async fn send_letter(
    State(api): State<Api>,
    caller: ServiceKey,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let request = Request {
        api: &api,
        caller: &caller,
        route: "POST /v2/notifications/letter",
        channel: Some(Channel::Letter),
        headers: &headers,
        max_body_bytes: answer::MAX_BODY_BYTES,
    };
    let sending = match request.admit(body).await? {
        Admitted::New(sending) => sending,
        Admitted::Answered(response) => return Ok(response),
    };
    let body = answer::parse_v2(&sending.body)?;
    if body.get("content").is_some() {
        return send_precompiled(&api, &caller, &sending, body).await;
    }
    let mut members = Members(SCHEMA.check(body, api.app.clock().now())?);
    let order = LetterRequest {
        template_id: members.id("template_id").expect("the schema requires it").0,
        personalisation: members.object("personalisation"),
        reference: members.text("reference"),
    };

    let root = answer::url_root(&api, &headers);
    let write = |accepted: &AcceptedLetter| answer::written(&shown(accepted, &root));
    let accepted = accept::letter(&api.app, &caller.0, order, sending.once(&write)).await;
    sending.answer(&api, &caller, accepted, write).await
}

fn shown<'a>(accepted: &'a AcceptedLetter, root: &str) -> Accepted<'a, Content<'a>> {
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

/// A letter as PDF (`docs/spec/public-api.md` §11).
async fn send_precompiled(
    api: &Api,
    caller: &ServiceKey,
    sending: &Sending,
    body: Value,
) -> Result<Response, Problem> {
    let mut members = Members(PRECOMPILED.check(body, api.app.clock().now())?);
    let order = PrecompiledLetterRequest {
        reference: members.text("reference").expect("the schema requires it"),
        content: members.text("content").expect("the schema requires it"),
        postage: members
            .text("postage")
            .map(|postage| postage.parse().expect("the schema checks it")),
    };
    let write = |accepted: &AcceptedPrecompiledLetter| {
        answer::written(&AcceptedPages {
            id: accepted.id,
            postage: accepted.postage,
            reference: &accepted.reference,
        })
    };
    let accepted = accept::precompiled(&api.app, &caller.0, order, sending.once(&write)).await;
    sending.answer(api, caller, accepted, write).await
}
