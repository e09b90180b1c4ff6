//! What letters have besides their text: pages that templates append, and the logo (`docs/spec/letters.md` §4.3).

use app::letters::{
    attachments::{self, LetterAttachment, LetterFileError},
    logos::{self, LetterLogo, NewLogo},
};
use axum::{
    extract::{Query, State},
    response::Response,
};
use bytes::Bytes;
use domain::{ServiceId, UserId};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    created, ids::Id, invalid, listed, missing, no_content, ok, spreadsheets::check_storage,
};
use crate::{
    Api,
    body_limit::{self, RequestBody},
    problem::Problem,
};

#[derive(Debug, Deserialize)]
pub(crate) struct FileQuery {
    file_name: Option<String>,
    description: Option<String>,
    created_by: Option<UserId>,
}

/// `POST /service/<id>/letter-attachment?file_name=…`: checks and stores the PDF in the body.
pub(crate) async fn add_letter_attachment(
    State(api): State<Api>,
    Query(query): Query<FileQuery>,
    Id(service): Id<ServiceId>,
    body: RequestBody,
) -> Result<Response, Problem> {
    check_storage(&api, service).await?;
    let file_name = query.file_name.ok_or_else(|| missing("file_name"))?;
    let body = body_limit::read_body(body)
        .await
        .map_err(Problem::into_legacy)?;
    let pdf = Bytes::copy_from_slice(&body);
    let added = attachments::add(&api.app, service, &file_name, pdf, query.created_by).await?;
    Ok(created(&attachment_view(&added)))
}

/// `GET /service/<id>/letter-attachment`
pub(crate) async fn list_letter_attachments(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
) -> Result<Response, Problem> {
    let found = attachments::list(&api.app, service).await;
    Ok(listed(
        &found.map_err(Problem::legacy_internal)?,
        attachment_view,
    ))
}

/// `POST /service/<id>/letter-logo?file_name=…&description=…`: sets the PNG in the body as the logo.
pub(crate) async fn set_letter_logo(
    State(api): State<Api>,
    Query(query): Query<FileQuery>,
    Id(service): Id<ServiceId>,
    body: RequestBody,
) -> Result<Response, Problem> {
    check_storage(&api, service).await?;
    let new = NewLogo {
        file_name: query.file_name.ok_or_else(|| missing("file_name"))?,
        description: query.description.ok_or_else(|| missing("description"))?,
        png: body_limit::read_body(body)
            .await
            .map_err(Problem::into_legacy)?
            .to_vec(),
        created_by: query.created_by,
    };
    let logo = logos::set(&api.app, service, new).await?;
    Ok(created(&logo_view(&logo)))
}

/// `GET /service/<id>/letter-logo`
pub(crate) async fn get_letter_logo(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
) -> Result<Response, Problem> {
    let found = logos::find(&api.app, service).await;
    let found = found.map_err(Problem::legacy_internal)?;
    let logo = found.ok_or_else(Problem::legacy_not_found)?;
    Ok(ok(&logo_view(&logo)))
}

/// `DELETE /service/<id>/letter-logo`
pub(crate) async fn remove_letter_logo(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
) -> Result<Response, Problem> {
    let removed = logos::remove(&api.app, service).await;
    if removed.map_err(Problem::legacy_internal)? {
        Ok(no_content())
    } else {
        Err(Problem::legacy_not_found())
    }
}

impl From<LetterFileError> for Problem {
    fn from(error: LetterFileError) -> Self {
        match error {
            LetterFileError::NoSuchService => {
                Self::legacy(StatusCode::NOT_FOUND, error.to_string())
            }
            LetterFileError::Virus => invalid("File did not pass the virus scan".to_owned()),
            LetterFileError::NoSuchUser
            | LetterFileError::Pages(_)
            | LetterFileError::Logo(_)
            | LetterFileError::NoDescription => invalid(error.to_string()),
            LetterFileError::Scan(_)
            | LetterFileError::Unavailable(_)
            | LetterFileError::Files(_)
            | LetterFileError::Store(_) => Self::legacy_internal(error),
        }
    }
}

fn attachment_view(attachment: &LetterAttachment) -> Value {
    json!({
        "id": attachment.id,
        "original_filename": attachment.original_filename,
        "page_count": attachment.page_count,
        "created_by": attachment.created_by,
        "created_at": attachment.created_at,
    })
}

fn logo_view(logo: &LetterLogo) -> Value {
    json!({
        "id": logo.id,
        "original_filename": logo.original_filename,
        "description": logo.description,
        "created_by": logo.created_by,
        "created_at": logo.created_at,
    })
}
