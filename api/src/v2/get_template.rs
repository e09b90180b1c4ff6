use app::manage::template_previews::{self, Described};
use axum::{
    extract::{FromRequestParts, Path, State},
    response::Response,
};
use domain::TemplateId;
use http::{StatusCode, request::Parts};
use serde_json::{Map, Value, json};

use super::IdInPath;
use crate::{
    Api, answer,
    callers::ServiceKey,
    problem::{self, Problem},
};

/// `GET /v2/template/<id>` (`docs/spec/public-api.md` §17): archived ones too.
pub(crate) async fn get_template(
    State(api): State<Api>,
    ServiceKey(caller): ServiceKey,
    IdInPath(id): IdInPath,
) -> Result<Response, Problem> {
    answer_with(&api, &caller, &id, None).await
}

/// `GET /v2/template/<id>/version/<n>` (`docs/spec/public-api.md` §17): version 0 means the current one.
pub(crate) async fn get_template_version(
    State(api): State<Api>,
    AtVersion { id, version }: AtVersion,
    ServiceKey(caller): ServiceKey,
) -> Result<Response, Problem> {
    let version = match version.trim_start_matches('0') {
        "" => None,
        // A number beyond all versions: no template has it.
        number => Some(number.parse().unwrap_or(u32::MAX)),
    };
    answer_with(&api, &caller, &id, version).await
}

async fn answer_with(
    api: &Api,
    caller: &app::Caller,
    id: &str,
    version: Option<u32>,
) -> Result<Response, Problem> {
    let id: TemplateId = id.parse().map_err(|_| super::not_an_id("id"))?;
    let found = template_previews::find(&api.app, caller.tenant.service.id, id, version)
        .await
        .map_err(Problem::fault)?;
    let described = found.ok_or_else(Problem::not_found)?;
    Ok(answer::json(StatusCode::OK, &shown(&described)))
}

/// A template as the API shows it.
pub(super) fn shown(described: &Described) -> Value {
    let template = &described.prepared.template;
    let personalisation: Map<String, Value> = described
        .prepared
        .placeholders()
        .iter()
        .map(|name| (name.to_owned(), json!({"required": true})))
        .collect();
    json!({
        "id": template.id,
        "type": template.template_type,
        "name": template.name,
        "version": template.version,
        "created_at": template.created_at,
        "updated_at": template.updated_at,
        "created_by": described.author,
        "body": template.content,
        "subject": template.subject,
        "personalisation": personalisation,
        "postage": template.postage,
        "letter_contact_block": template.letter_contact_block,
    })
}

/// A path whose last part is one or more digits; any other is no route, whoever asks.
pub(crate) struct AtVersion {
    id: String,
    version: String,
}

impl FromRequestParts<Api> for AtVersion {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let path = Path::<(String, String)>::from_request_parts(parts, api).await;
        match path {
            Ok(Path((id, version)))
                if !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                Ok(Self { id, version })
            }
            _ => Err(problem::no_such_path().await),
        }
    }
}
