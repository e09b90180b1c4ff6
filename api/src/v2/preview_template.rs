use app::{
    App,
    accept::limits,
    manage::template_previews::{self, Preview, PreviewError},
};
use axum::{extract::State, response::Response};
use domain::{Channel, Postage, ServiceId, TemplateId};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};
use text::exact_number_of;

use super::{
    IdInPath,
    request_body::{Id, Object, request_body},
};
use crate::{
    Api,
    auth::ServiceKey,
    body_limit::{self, RequestBody},
    json,
    problem::{self, Problem},
};

request_body! {
    PreviewBody {
        id: Id<TemplateId>,
        personalisation: Option<Object>,
    }
}

/// Fields in alphabetical order, as serialised.
#[derive(Debug, Serialize)]
struct PreviewResponse {
    body: String,
    html: Option<String>,
    id: TemplateId,
    postage: Option<Postage>,
    subject: Option<String>,
    #[serde(rename = "type")]
    template_type: Channel,
    version: u32,
    /// Absent if there are none, as the contract has no such member.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// `POST /v2/template/<id>/preview` (`docs/spec/public-api.md` §18)
pub(crate) async fn preview_template(
    State(api): State<Api>,
    ServiceKey(caller): ServiceKey,
    IdInPath(id): IdInPath,
    body: RequestBody,
) -> Result<Response, Problem> {
    // Before the body, as for requests to send.
    limits::check_preview_rate(&api.app, &caller)?;
    let body = body_limit::read_body(body).await?;
    let (app, service) = (api.app.clone(), caller.tenant.service.id);
    // Even a small body can fill a large template many times.
    let preview = async move { preview(&app, service, id, &body).await };
    api.heavy_work.run(service, Box::pin(preview)).await?
}

async fn preview(
    app: &App,
    service: ServiceId,
    id: String,
    body: &[u8],
) -> Result<Response, Problem> {
    let asked = with_id_of_path(parse(body)?, id);
    let asked = PreviewBody::parse(asked, app.clock().now())?;
    let personalisation = asked.personalisation.unwrap_or_default();
    let preview = template_previews::preview(app, service, asked.id.value, &personalisation)
        .await
        .map_err(problem)?;
    Ok(json::ordered_response(
        StatusCode::OK,
        &PreviewResponse::from(preview),
    ))
}

/// Parses the body; an empty one counts as an empty object.
fn parse(bytes: &[u8]) -> Result<Value, Problem> {
    if bytes.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    Ok(json::parse_v2(bytes)?)
}

/// Puts the id of the path in the body, and drops the other keys.
fn with_id_of_path(body: Value, id: String) -> Value {
    let mut members = match body {
        Value::Object(members) if exact_number_of(&members).is_none() => members,
        // Refused by the schema, which names its type.
        other => return other,
    };
    let mut asked = Map::from_iter([("id".to_owned(), Value::String(id))]);
    if let Some(personalisation) = members.remove("personalisation") {
        asked.insert("personalisation".to_owned(), personalisation);
    }
    Value::Object(asked)
}

fn problem(error: PreviewError) -> Problem {
    match error {
        PreviewError::NoSuchTemplate => Problem::not_found(),
        PreviewError::MissingPersonalisation(names) => problem::missing_personalisation(&names),
        PreviewError::FilledTooLarge(error) => problem::filled_too_large(error),
        PreviewError::Store(error) => Problem::internal(error),
    }
}

impl From<Preview> for PreviewResponse {
    fn from(preview: Preview) -> Self {
        Self {
            body: preview.body,
            html: preview.html,
            id: preview.id,
            postage: preview.postage,
            subject: preview.subject,
            template_type: preview.template_type,
            version: preview.version,
            warnings: preview.warnings,
        }
    }
}
