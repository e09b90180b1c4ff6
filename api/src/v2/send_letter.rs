use app::notifications::accept::{self, LetterOrder, PrecompiledOrder};
use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse as _, Response},
};
use domain::{Channel, NotificationId, Postage};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::Value;

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
        ("template_id", Shape::Uuid),
        ("personalisation", Shape::Object),
    ],
    required: &["template_id", "personalisation"],
};

const PRECOMPILED: Schema = Schema {
    keys: &[
        ("reference", Shape::Text(usize::MAX)),
        ("content", Shape::Text(usize::MAX)),
        ("postage", Shape::Postage),
    ],
    required: &["reference", "content"],
};

#[derive(Debug, Serialize)]
struct Content {
    body: String,
    subject: String,
}

#[derive(Debug, Serialize)]
struct AcceptedPages {
    id: NotificationId,
    postage: Postage,
    reference: String,
}

/// `POST /v2/notifications/letter` (public-api §6, §10): from a template, or as PDF if the body has the key `content`.
pub(crate) async fn send_letter(
    State(api): State<Api>,
    ServiceKey(caller): ServiceKey,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    app::limits::pass(&api.app, &caller, Channel::Letter).await?;
    let body = answer::parse_v2(&answer::read_body(body).await?)?;
    if body.get("content").is_some() {
        return send_precompiled(&api, &caller, body).await;
    }
    let mut members = Members(SCHEMA.check(body, api.app.clock().now())?);
    let order = LetterOrder {
        template_id: members.id("template_id").expect("the schema requires it").0,
        personalisation: members.object("personalisation"),
        reference: members.text("reference"),
    };

    let service = caller.tenant.service.id;
    let accepted = accept::letter(&api.app, &caller, order)
        .await
        .map_err(|error| problem::accepting(error, service, &api.app.settings.admin_base_url))?;

    let root = answer::url_root(&api, &headers);
    let answer = Accepted {
        content: Content {
            body: accepted.body,
            subject: accepted.subject,
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

/// A letter as PDF (public-api §11).
async fn send_precompiled(
    api: &Api,
    caller: &app::Caller,
    body: Value,
) -> Result<Response, Problem> {
    let mut members = Members(PRECOMPILED.check(body, api.app.clock().now())?);
    let order = PrecompiledOrder {
        reference: members.text("reference").expect("the schema requires it"),
        content: members.text("content").expect("the schema requires it"),
        postage: members
            .text("postage")
            .map(|postage| postage.parse().expect("the schema checks it")),
    };
    let service = caller.tenant.service.id;
    let accepted = accept::precompiled(&api.app, caller, order)
        .await
        .map_err(|error| problem::accepting(error, service, &api.app.settings.admin_base_url))?;
    let answer = AcceptedPages {
        id: accepted.id,
        postage: accepted.postage,
        reference: accepted.reference,
    };
    Ok(answer::raw_json(StatusCode::CREATED, &answer))
}
