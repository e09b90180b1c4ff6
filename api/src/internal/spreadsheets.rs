use app::spreadsheets::{self, Checked, Upload, UploadError};
use axum::{
    body::Body,
    extract::{Path, Query, State},
    response::Response,
};
use domain::TemplateId;
use futures::StreamExt as _;
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
    #[serde(default)]
    check_only: bool,
}

/// `POST /service/<id>/spreadsheet?template_id=…&file_name=…`: checks the file in the body, of any kind, and keeps it
/// for a job unless it is only to be checked.
pub(crate) async fn upload_spreadsheet(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
    Query(asked): Query<Asked>,
    body: Body,
) -> Result<Response, Problem> {
    let upload = Upload {
        service: id(&service)?,
        template: asked.template_id.ok_or_else(|| missing("template_id"))?,
        file_name: asked
            .file_name
            .unwrap_or_else(|| "spreadsheet.csv".to_owned()),
        sender_id: asked.sender_id,
        keep: !asked.check_only,
    };
    let body = body
        .into_data_stream()
        .map(|piece| piece.map_err(|_| UploadError::BrokeOff));
    let checked = spreadsheets::upload(&api.app, upload, body)
        .await
        .map_err(problem)?;
    let status = if checked.id.is_some() {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok(answer::json(status, &json!({"data": shown(&checked)})))
}

fn problem(error: UploadError) -> Problem {
    match error {
        UploadError::NoSuch(_) => Problem::old(StatusCode::NOT_FOUND, error.to_string()),
        UploadError::TemplateArchived | UploadError::LettersNotYet | UploadError::BrokeOff => {
            invalid(error.to_string())
        }
        UploadError::Unreadable(error) => invalid(error.to_string()),
        UploadError::TooLarge(_) => Problem::old(StatusCode::PAYLOAD_TOO_LARGE, error.to_string()),
        UploadError::Files(_) | UploadError::Store(_) | UploadError::Cached(_) => {
            Problem::fault_old(error)
        }
    }
}

fn shown(checked: &Checked) -> Value {
    let report = &checked.report;
    json!({
        "id": checked.id,
        "valid": checked.is_valid,
        "notification_count": report.rows(),
        "error_counts": report.error_counts,
        "errors": report.errors,
        "missing_column_headers": report.missing_column_headers,
        "duplicate_recipient_column_headers": report.duplicate_recipient_column_headers,
        "problems": checked.problems(),
    })
}
