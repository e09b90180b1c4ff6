//! Files that belong to an e-mail template (`docs/spec/public-api.md` §9.3).

use app::documents::{
    STANDARD_WEEKS,
    template_files::{self, NewTemplateFile, TemplateFile, TemplateFileError},
};
use axum::{
    body::Body,
    extract::{Path, Query, State},
    response::Response,
};
use domain::{ServiceId, TemplateFileId, TemplateId};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{id, invalid, missing};
use crate::{Api, answer, callers::Internal, problem::Problem, v2::file_values};

#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    file_name: Option<String>,
    link_text: Option<String>,
    retention_weeks: Option<u32>,
    confirm_email: Option<bool>,
}

/// `POST /service/<id>/template/<id>/file?file_name=…`: adds the file in the body to the template.
pub(crate) async fn add_template_file(
    State(api): State<Api>,
    _: Internal,
    Path((service, template)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    body: Body,
) -> Result<Response, Problem> {
    let (service, template): (ServiceId, TemplateId) = (id(&service)?, id(&template)?);
    let bytes = answer::read_body(body)
        .await
        .map_err(Problem::in_old_shape)?;
    let new = NewTemplateFile {
        file_name: asked.file_name.ok_or_else(|| missing("file_name"))?,
        link_text: asked.link_text,
        retention_weeks: asked.retention_weeks.unwrap_or(STANDARD_WEEKS),
        confirm_email: asked.confirm_email.unwrap_or(true),
        bytes: bytes.to_vec().into(),
    };
    let added = template_files::add(&api.app, service, template, new)
        .await
        .map_err(problem)?;
    Ok(answer::json(
        StatusCode::CREATED,
        &json!({"data": shown(&added)}),
    ))
}

/// `GET /service/<id>/template/<id>/file`
pub(crate) async fn list_template_files(
    State(api): State<Api>,
    _: Internal,
    Path((service, template)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let (service, template): (ServiceId, TemplateId) = (id(&service)?, id(&template)?);
    let found = template_files::list(&api.app, service, template)
        .await
        .map_err(problem)?;
    let data: Vec<Value> = found.iter().map(shown).collect();
    Ok(answer::json(StatusCode::OK, &json!({"data": data})))
}

/// `POST /service/<id>/template/<id>/file/<id>/archive`: takes the file from the template.
pub(crate) async fn archive_template_file(
    State(api): State<Api>,
    _: Internal,
    Path((service, template, file)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    let (service, template): (ServiceId, TemplateId) = (id(&service)?, id(&template)?);
    let file: TemplateFileId = id(&file)?;
    template_files::archive(&api.app, service, template, file)
        .await
        .map_err(problem)?;
    Ok(answer::json(StatusCode::OK, &json!({"data": {"id": file}})))
}

fn problem(error: TemplateFileError) -> Problem {
    match error {
        TemplateFileError::NoSuch(_) => Problem::old(StatusCode::NOT_FOUND, error.to_string()),
        TemplateFileError::Invalid(why) => invalid(why.to_owned()),
        TemplateFileError::Refused(refused) => invalid(file_values::refused(refused)),
        TemplateFileError::Fault(fault) => Problem::fault_old(fault),
    }
}

fn shown(file: &TemplateFile) -> Value {
    json!({
        "id": file.id,
        "file_name": file.file_name,
        "link_text": file.link_text,
        "retention_weeks": file.retention_weeks,
        "confirm_email": file.confirm_email,
        "created_at": file.created_at,
    })
}
