//! Files that belong to an e-mail template (`docs/spec/public-api.md` §9.3).

use app::documents::{
    DEFAULT_WEEKS,
    template_files::{self, NewTemplateFile, TemplateFile, TemplateFileError},
};
use axum::{
    extract::{Query, State},
    response::Response,
};
use domain::{ServiceId, TemplateFileId, TemplateId};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    ids::{Ids, Ids3},
    invalid, missing,
    spreadsheets::check_storage,
};
use crate::{
    Api,
    body_limit::{self, RequestBody},
    json,
    problem::{self, Problem},
};

#[derive(Debug, Deserialize)]
pub(crate) struct UploadQuery {
    file_name: Option<String>,
    link_text: Option<String>,
    retention_weeks: Option<u32>,
    confirm_email: Option<bool>,
}

/// `POST /service/<id>/template/<id>/file?file_name=…`: adds the file in the body to the template.
pub(crate) async fn add_template_file(
    State(api): State<Api>,
    Query(query): Query<UploadQuery>,
    Ids(service, template): Ids<ServiceId, TemplateId>,
    body: RequestBody,
) -> Result<Response, Problem> {
    check_storage(&api, service).await?;
    let bytes = body_limit::read_body(body)
        .await
        .map_err(Problem::into_legacy)?;
    let new = NewTemplateFile {
        file_name: query.file_name.ok_or_else(|| missing("file_name"))?,
        link_text: query.link_text,
        retention_weeks: query.retention_weeks.unwrap_or(DEFAULT_WEEKS),
        confirm_email: query.confirm_email.unwrap_or(true),
        bytes: bytes.to_vec().into(),
    };
    let added = template_files::add(&api.app, service, template, new).await?;
    Ok(json::response(
        StatusCode::CREATED,
        &json!({"data": template_file_view(&added)}),
    ))
}

/// `GET /service/<id>/template/<id>/file`
pub(crate) async fn list_template_files(
    State(api): State<Api>,
    Ids(service, template): Ids<ServiceId, TemplateId>,
) -> Result<Response, Problem> {
    let found = template_files::list(&api.app, service, template).await?;
    let data: Vec<Value> = found.iter().map(template_file_view).collect();
    Ok(json::response(StatusCode::OK, &json!({"data": data})))
}

/// `POST /service/<id>/template/<id>/file/<id>/archive`: removes the file from the template.
pub(crate) async fn archive_template_file(
    State(api): State<Api>,
    Ids3(service, template, file): Ids3<ServiceId, TemplateId, TemplateFileId>,
) -> Result<Response, Problem> {
    template_files::archive(&api.app, service, template, file).await?;
    Ok(json::response(
        StatusCode::OK,
        &json!({"data": {"id": file}}),
    ))
}

impl From<TemplateFileError> for Problem {
    fn from(error: TemplateFileError) -> Self {
        match error {
            TemplateFileError::NoSuch(_) => Self::legacy(StatusCode::NOT_FOUND, error.to_string()),
            TemplateFileError::Invalid(why) => invalid(why.to_owned()),
            TemplateFileError::Rejected(refused) => invalid(problem::file_rejected(refused)),
            TemplateFileError::Fault(fault) => Self::legacy_internal(fault),
        }
    }
}

fn template_file_view(file: &TemplateFile) -> Value {
    json!({
        "id": file.id,
        "file_name": file.file_name,
        "link_text": file.link_text,
        "retention_weeks": file.retention_weeks,
        "confirm_email": file.confirm_email,
        "created_at": file.created_at,
    })
}
