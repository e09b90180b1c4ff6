use app::manage::template_previews::{self, TemplateWithAuthor};
use axum::{
    extract::{Path, State},
    response::Response,
};
use domain::TemplateId;
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::IdInPath;
use crate::{Api, auth::ServiceKey, json, problem::Problem};

/// `GET /v2/template/<id>` (`docs/spec/public-api.md` §17): the current version, also of an archived template.
pub(crate) async fn get_template(
    State(api): State<Api>,
    ServiceKey(caller): ServiceKey,
    IdInPath(id): IdInPath,
) -> Result<Response, Problem> {
    respond(&api, &caller, &id, None).await
}

/// `GET /v2/template/<id>/version/<n>` (`docs/spec/public-api.md` §17): version 0 is the current one.
pub(crate) async fn get_template_version(
    State(api): State<Api>,
    ServiceKey(caller): ServiceKey,
    Path((id, version)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let version = match version.trim_start_matches('0') {
        "" => None,
        // No template has a version that large.
        number => Some(number.parse().unwrap_or(u32::MAX)),
    };
    respond(&api, &caller, &id, version).await
}

async fn respond(
    api: &Api,
    caller: &app::Caller,
    id: &str,
    version: Option<u32>,
) -> Result<Response, Problem> {
    let id: TemplateId = id.parse().map_err(|_| super::invalid_id("id"))?;
    let found = template_previews::find(&api.app, caller.tenant.service.id, id, version)
        .await
        .map_err(Problem::internal)?;
    let described = found.ok_or_else(Problem::not_found)?;
    Ok(json::response(StatusCode::OK, &template_view(&described)))
}

/// Returns a template as the API shows it.
pub(super) fn template_view(described: &TemplateWithAuthor) -> Value {
    let template = &described.parsed.template;
    let personalisation: Map<String, Value> = described
        .parsed
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

/// Returns whether the last part of a path is a version. With any other the path is unknown, to every caller.
pub(crate) fn is_version(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
