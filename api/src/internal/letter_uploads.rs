//! Letters that people upload as PDF (`docs/spec/letters.md` §5.1).

use app::{
    accept::{self, SendUpload, SendUploadError},
    letters::{UploadedLetter, uploads, uploads::UploadError},
};
use axum::{
    extract::{Query, State},
    response::Response,
};
use bytes::Bytes;
use domain::{Postage, ServiceId};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{created, fields::Fields, ids::Id, invalid, missing, ok, spreadsheets::check_storage};
use crate::{
    Api,
    body_limit::{self, RequestBody},
    problem::{self, Problem},
};

#[derive(Debug, Deserialize)]
pub(crate) struct UploadQuery {
    file_name: Option<String>,
}

/// `POST /service/<id>/letter-upload?file_name=…`: scans and checks the PDF in the body, and stores it for a day. The answer is
/// 201 for a letter that can be sent, and 200 with the reason for one that cannot.
pub(crate) async fn upload_letter(
    State(api): State<Api>,
    Query(query): Query<UploadQuery>,
    Id(service): Id<ServiceId>,
    body: RequestBody,
) -> Result<Response, Problem> {
    check_storage(&api, service).await?;
    let file_name = query.file_name.ok_or_else(|| missing("file_name"))?;
    let pdf = body_limit::read_body(body)
        .await
        .map_err(Problem::into_legacy)?;
    // `pdf` lives on, because it holds its part of the budget for bodies.
    let file = Bytes::copy_from_slice(&pdf);
    match uploads::upload(&api.app, service, &file_name, file).await {
        Ok(upload) => Ok(created(&upload_view(&upload))),
        Err(UploadError::Invalid(failure)) => Ok(ok(&json!({
            "valid": false,
            "message": failure.message,
            "explanation": failure.explanation,
            "invalid_pages": failure.invalid_pages,
            "page_count": failure.page_count,
        }))),
        Err(other) => Err(other.into()),
    }
}

/// `POST /service/<id>/send-pdf-letter`
pub(crate) async fn send_pdf_letter(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let file_name: Option<String> = fields.optional("filename");
    let recipient_address = fields.optional("recipient_address");
    let created_by = fields.optional("created_by");
    let postage: String = fields.or_default("postage");
    let file_id = fields.required("file_id")?;
    fields.finish()?;
    let send = SendUpload {
        file_id,
        file_name: file_name.map(uploads::cut_file_name),
        postage: inland_postage(&postage)?,
        recipient_address,
        created_by,
    };
    let outcome = accept::send_upload(&api.app, service, send).await;
    let id = outcome.map_err(|error| send_error(&api, service, error))?;
    Ok(created(&json!({"id": id})))
}

fn inland_postage(name: &str) -> Result<Postage, Problem> {
    let postage = name.parse().ok();
    // The address decides for letters abroad (`docs/spec/letters.md` §2).
    let inland = postage.filter(|one| !matches!(one, Postage::Europe | Postage::RestOfWorld));
    inland.ok_or_else(|| {
        invalid("postage invalid. It must be either first, second or economy.".to_owned())
    })
}

impl From<UploadError> for Problem {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::NoSuch => Self::legacy(StatusCode::NOT_FOUND, error.to_string()),
            UploadError::Virus => invalid("File did not pass the virus scan".to_owned()),
            UploadError::Invalid(failure) => invalid(failure.message),
            UploadError::Busy(_) => Self::too_many_bodies().into_legacy(),
            UploadError::Scan(_)
            | UploadError::Unavailable(_)
            | UploadError::Files(_)
            | UploadError::Store(_) => Self::legacy_internal(error),
        }
    }
}

fn send_error(api: &Api, service: ServiceId, error: SendUploadError) -> Problem {
    match error {
        SendUploadError::NoService | SendUploadError::NoUpload => {
            Problem::legacy(StatusCode::NOT_FOUND, error.to_string())
        }
        SendUploadError::ServiceInactive => {
            Problem::legacy(StatusCode::FORBIDDEN, error.to_string())
        }
        SendUploadError::NoUser
        | SendUploadError::OtherAddress
        | SendUploadError::International => invalid(error.to_string()),
        // In the words of letters that come over the API.
        SendUploadError::Accept(error) => {
            let root = &api.app.settings.admin_base_url;
            problem::accept_error(error, service, root).into_legacy()
        }
        SendUploadError::File(error) => Problem::legacy_internal(error),
    }
}

fn upload_view(upload: &UploadedLetter) -> Value {
    json!({
        "id": upload.id,
        "valid": true,
        "file_name": upload.file_name,
        "page_count": upload.page_count,
        "recipient_address": upload.recipient_address,
        "postage": upload.postage,
    })
}
