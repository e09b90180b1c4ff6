use app::manage::template_previews::{self, Preview, PreviewError};
use axum::{body::Body, extract::State, response::Response};
use domain::{Channel, Postage, TemplateId};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};
use text::exact_number_of;

use super::{
    IdInPath,
    schema::{Members, Schema, Shape},
};
use crate::{
    Api, answer,
    callers::ServiceKey,
    problem::{self, Problem},
};

pub(crate) const SCHEMA: Schema = Schema {
    keys: &[("id", Shape::Uuid), ("personalisation", Shape::Object)],
    required: &[],
};

/// In alphabetical order, as it is written.
#[derive(Debug, Serialize)]
struct Shown {
    body: String,
    html: Option<String>,
    id: TemplateId,
    postage: Option<Postage>,
    subject: Option<String>,
    #[serde(rename = "type")]
    template_type: Channel,
    version: u32,
}

/// `POST /v2/template/<id>/preview` (`docs/spec/public-api.md` §18)
pub(crate) async fn preview_template(
    State(api): State<Api>,
    ServiceKey(caller): ServiceKey,
    IdInPath(id): IdInPath,
    body: Body,
) -> Result<Response, Problem> {
    let asked = with_id_of_path(read(body).await?, id);
    let mut members = Members(SCHEMA.check(asked, api.app.clock().now())?);
    let (id, _) = members.id("id").expect("the schema checks it");
    let personalisation = members.object("personalisation");
    let service = caller.tenant.service.id;
    let preview = template_previews::preview(&api.app, service, id, &personalisation)
        .await
        .map_err(problem)?;
    Ok(answer::raw_json(StatusCode::OK, &Shown::from(preview)))
}

/// No body at all is an empty object.
async fn read(body: Body) -> Result<Value, Problem> {
    let bytes = answer::read_body(body).await?;
    if bytes.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    answer::parse_v2(&bytes)
}

/// The path's id takes the place of any other, and other keys are ignored.
fn with_id_of_path(body: Value, id: String) -> Value {
    let mut members = match body {
        Value::Object(members) if exact_number_of(&members).is_none() => members,
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
        PreviewError::Store(error) => Problem::fault(error),
    }
}

impl From<Preview> for Shown {
    fn from(preview: Preview) -> Self {
        Self {
            body: preview.body,
            html: preview.html,
            id: preview.id,
            postage: preview.postage,
            subject: preview.subject,
            template_type: preview.template_type,
            version: preview.version,
        }
    }
}
