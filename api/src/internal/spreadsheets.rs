use app::{
    accept::storage,
    jobs::{
        contact_lists::{self, ContactListError},
        spreadsheets::{self, Checked, Report, TextEncoding, Upload, UploadError},
    },
};
use axum::{
    body::Body,
    extract::{Query, State},
    response::Response,
};
use domain::{ContactListId, ServiceId, TemplateId};
use futures::{Stream, StreamExt as _};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ids::Id, invalid, missing};
use crate::{Api, json, problem::Problem};

#[derive(Debug, Deserialize)]
pub(crate) struct UploadQuery {
    template_id: Option<TemplateId>,
    file_name: Option<String>,
    encoding: Option<String>,
    sender_id: Option<Uuid>,
    contact_list_id: Option<ContactListId>,
    #[serde(default)]
    check_only: bool,
}

/// `POST /service/<id>/spreadsheet?template_id=…&file_name=…`: checks the file in the body, of any supported format,
/// and stores it for a job unless `check_only` is set. `encoding` names that of a text that is not UTF-8. With
/// `contact_list_id` it copies the file of that list and ignores the body.
pub(crate) async fn upload_spreadsheet(
    State(api): State<Api>,
    Query(query): Query<UploadQuery>,
    Id(service): Id<ServiceId>,
    body: Body,
) -> Result<Response, Problem> {
    if !query.check_only {
        check_storage(&api, service).await?;
    }
    // First, because its name is the default for the name of the file.
    let list = match query.contact_list_id {
        Some(list) => Some(contact_lists::find(&api.app, service, list).await?),
        None => None,
    };
    let upload = Upload {
        service,
        template: query.template_id.ok_or_else(|| missing("template_id"))?,
        file_name: query
            .file_name
            .or_else(|| list.as_ref().map(|list| list.original_file_name.clone()))
            .unwrap_or_else(|| "spreadsheet.csv".to_owned()),
        encoding: encoding_named(query.encoding.as_deref())?,
        sender_id: query.sender_id,
        keep: !query.check_only,
    };
    let app = api.app.clone();
    let checked = check_apart(&api, service, async move {
        Ok(match list {
            Some(list) => {
                let rows = contact_lists::read(&app, &list).await?;
                spreadsheets::upload_again(&app, upload, rows).await?
            }
            None => spreadsheets::upload(&app, upload, pieces(body)).await?,
        })
    });
    let checked = checked.await?;
    // 201 only if something was stored.
    let status = if checked.id.is_some() {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok(json::response(
        status,
        &json!({"data": check_view(&checked)}),
    ))
}

/// Receives and checks a file apart from the threads that serve HTTP: its rows take milliseconds for each piece that arrives.
pub(super) async fn check_apart<T: Send + 'static>(
    api: &Api,
    service: ServiceId,
    check: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    let checked = api.upload_checks.run(service, Box::pin(check)).await;
    checked.map_err(Problem::into_legacy)?
}

/// Fails if the service has stored as much as it may.
pub(super) async fn check_storage(api: &Api, service: ServiceId) -> Result<(), Problem> {
    let checked = storage::check_service(&api.app, service).await;
    checked.map_err(|error| Problem::from(error).into_legacy())
}

/// Returns the encoding of the parameter `encoding`.
pub(super) fn encoding_named(name: Option<&str>) -> Result<Option<TextEncoding>, Problem> {
    let name = name.filter(|name| !name.is_empty());
    let find = |name| {
        TextEncoding::named(name).ok_or_else(|| {
            invalid(format!(
                "encoding `{name}` is not known: use a name such as windows-1252, macintosh or shift_jis"
            ))
        })
    };
    name.map(find).transpose()
}

/// Returns the body as a stream.
pub(super) fn pieces(
    body: Body,
) -> impl Stream<Item = Result<bytes::Bytes, UploadError>> + Send + Unpin {
    body.into_data_stream()
        // The cause is the client's connection, which neither the response nor the log needs.
        .map(|piece| piece.map_err(|_| UploadError::BrokeOff))
}

impl From<ContactListError> for Problem {
    fn from(error: ContactListError) -> Self {
        match error {
            ContactListError::NoSuch => Self::legacy(StatusCode::NOT_FOUND, error.to_string()),
            ContactListError::Archived => invalid(error.to_string()),
            ContactListError::Store(error) => Self::legacy_internal(error),
            ContactListError::File(error) => Self::legacy_internal(error),
        }
    }
}

impl From<UploadError> for Problem {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::NoSuch(_) => Self::legacy(StatusCode::NOT_FOUND, error.to_string()),
            UploadError::TemplateArchived
            | UploadError::NoListsOfAddresses
            | UploadError::LongFileName
            | UploadError::BrokeOff => invalid(error.to_string()),
            UploadError::Unreadable(error) => invalid(error.to_string()),
            UploadError::TooLarge(_) => {
                Self::legacy(StatusCode::PAYLOAD_TOO_LARGE, error.to_string())
            }
            UploadError::Busy => Self::too_many_bodies().into_legacy(),
            UploadError::Unavailable(_)
            | UploadError::Files(_)
            | UploadError::Kept(_)
            | UploadError::Store(_)
            | UploadError::Cached(_) => Self::legacy_internal(error),
        }
    }
}

fn check_view(checked: &Checked) -> Value {
    let mut check_view = report(&checked.report, &checked.problems());
    check_view["id"] = json!(checked.id);
    check_view["valid"] = json!(checked.is_valid);
    check_view
}

/// Returns the errors of a file.
pub(super) fn report(report: &Report, problems: &[String]) -> Value {
    json!({
        "notification_count": report.rows(),
        "error_counts": report.error_counts,
        "errors": report.errors,
        "missing_column_headers": report.missing_column_headers,
        "duplicate_recipient_column_headers": report.duplicate_recipient_column_headers,
        "problems": problems,
        "warnings": report.warnings,
    })
}
