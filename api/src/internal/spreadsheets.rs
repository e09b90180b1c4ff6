use app::jobs::{
    contact_lists::{self, ContactListError},
    spreadsheets::{self, Checked, Report, Upload, UploadError},
};
use axum::{
    body::Body,
    extract::{Path, Query, State},
    response::Response,
};
use domain::{ContactListId, ServiceId, TemplateId};
use futures::{Stream, StreamExt as _};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{id, invalid, missing};
use crate::{Api, answer, callers::Internal, problem::Problem};

#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    template_id: Option<TemplateId>,
    file_name: Option<String>,
    sender_id: Option<Uuid>,
    contact_list_id: Option<ContactListId>,
    #[serde(default)]
    check_only: bool,
}

/// `POST /service/<id>/spreadsheet?template_id=…&file_name=…`: checks the file in the body, of any kind, and keeps it
/// for a job unless it is only to be checked. With `contact_list_id` the file is a copy of that list's, and the body is
/// not looked at.
pub(crate) async fn upload_spreadsheet(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
    Query(asked): Query<Asked>,
    body: Body,
) -> Result<Response, Problem> {
    let service: ServiceId = id(&service)?;
    let list = match asked.contact_list_id {
        Some(list) => Some(
            contact_lists::find(&api.app, service, list)
                .await
                .map_err(unusable)?,
        ),
        None => None,
    };
    let upload = Upload {
        service,
        template: asked.template_id.ok_or_else(|| missing("template_id"))?,
        file_name: asked
            .file_name
            .or_else(|| list.as_ref().map(|list| list.original_file_name.clone()))
            .unwrap_or_else(|| "spreadsheet.csv".to_owned()),
        sender_id: asked.sender_id,
        keep: !asked.check_only,
    };
    let checked = match list {
        Some(list) => {
            let rows = contact_lists::read(&api.app, &list)
                .await
                .map_err(unusable)?;
            spreadsheets::upload_again(&api.app, upload, rows).await
        }
        None => spreadsheets::upload(&api.app, upload, pieces(body)).await,
    }
    .map_err(problem)?;
    let status = if checked.id.is_some() {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok(answer::json(status, &json!({"data": shown(&checked)})))
}

/// The body as it comes.
pub(super) fn pieces(
    body: Body,
) -> impl Stream<Item = Result<bytes::Bytes, UploadError>> + Send + Unpin {
    body.into_data_stream()
        .map(|piece| piece.map_err(|_| UploadError::BrokeOff))
}

/// Why a contact list cannot be sent to.
pub(super) fn unusable(error: ContactListError) -> Problem {
    match error {
        ContactListError::NoSuch => Problem::old(StatusCode::NOT_FOUND, error.to_string()),
        ContactListError::Archived => invalid(error.to_string()),
        ContactListError::Store(error) => Problem::fault_old(error),
        ContactListError::File(error) => Problem::fault_old(error),
    }
}

pub(super) fn problem(error: UploadError) -> Problem {
    match error {
        UploadError::NoSuch(_) => Problem::old(StatusCode::NOT_FOUND, error.to_string()),
        UploadError::TemplateArchived | UploadError::NoListsOfAddresses | UploadError::BrokeOff => {
            invalid(error.to_string())
        }
        UploadError::Unreadable(error) => invalid(error.to_string()),
        UploadError::TooLarge(_) => Problem::old(StatusCode::PAYLOAD_TOO_LARGE, error.to_string()),
        UploadError::Files(_)
        | UploadError::Kept(_)
        | UploadError::Store(_)
        | UploadError::Cached(_) => Problem::fault_old(error),
    }
}

fn shown(checked: &Checked) -> Value {
    let mut shown = report(&checked.report, &checked.problems());
    shown["id"] = json!(checked.id);
    shown["valid"] = json!(checked.is_valid);
    shown
}

/// What is wrong with a file.
pub(super) fn report(report: &Report, problems: &[String]) -> Value {
    json!({
        "notification_count": report.rows(),
        "error_counts": report.error_counts,
        "errors": report.errors,
        "missing_column_headers": report.missing_column_headers,
        "duplicate_recipient_column_headers": report.duplicate_recipient_column_headers,
        "problems": problems,
    })
}
