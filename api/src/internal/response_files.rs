use app::letters::response_files::{
    self, CountError, DailySortedLetter, StoredResponseFile, UploadError,
};
use axum::{
    extract::{Query, State},
    response::Response,
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{created, invalid, listed, missing, ok};
use crate::{
    Api,
    body_limit::{self, RequestBody},
    problem::Problem,
};

/// The longest file that is taken over HTTP: more than a million lines.
const MAX_FILE_BYTES: usize = 64 << 20;
/// Files in one response.
const PAGE_SIZE: u32 = 250;

#[derive(Debug, Deserialize)]
pub(crate) struct FileQuery {
    file_name: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct DaysQuery {
    start_date: Option<String>,
    end_date: Option<String>,
}

/// `POST /letters/response-files?file_name=…`: the file is the body. Tasks apply it later.
pub(crate) async fn add_response_file(
    State(api): State<Api>,
    Query(query): Query<FileQuery>,
    body: RequestBody,
) -> Result<Response, Problem> {
    let name = query.file_name.ok_or_else(|| missing("file_name"))?;
    let contents = read(body).await?;
    response_files::upload(&api.app, &name, &contents).await?;
    Ok(created(&json!({"file_name": name})))
}

/// `POST /letters/response-files/count-again?file_name=…`: counts the file in the body and touches no status.
pub(crate) async fn count_response_file_again(
    State(api): State<Api>,
    Query(query): Query<FileQuery>,
    body: RequestBody,
) -> Result<Response, Problem> {
    let name = query.file_name.ok_or_else(|| missing("file_name"))?;
    let contents = read(body).await?;
    let counts = response_files::count_again(&api.app, &name, &contents).await?;
    Ok(ok(&count_view(&counts)))
}

/// `GET /letters/response-files`
pub(crate) async fn list_response_files(State(api): State<Api>) -> Result<Response, Problem> {
    let found = response_files::list(&api.app, PAGE_SIZE).await;
    Ok(listed(&found.map_err(Problem::legacy_internal)?, file_view))
}

/// `GET /letters/sorted-counts?start_date=…&end_date=…`
pub(crate) async fn list_sorted_counts(
    State(api): State<Api>,
    Query(days): Query<DaysQuery>,
) -> Result<Response, Problem> {
    let first = day("start_date", days.start_date)?;
    let last = day("end_date", days.end_date)?;
    let found = response_files::list_counts(&api.app, first, last).await;
    Ok(listed(
        &found.map_err(Problem::legacy_internal)?,
        count_view,
    ))
}

fn day(name: &str, text: Option<String>) -> Result<response_files::Day, Problem> {
    let text = text.ok_or_else(|| missing(name))?;
    response_files::parse_day(&text)
        .ok_or_else(|| invalid(format!("{name} must be a date such as 2026-03-02")))
}

async fn read(body: RequestBody) -> Result<body_limit::BodyBytes, Problem> {
    let contents = body_limit::read_body_of(body, MAX_FILE_BYTES).await;
    contents.map_err(Problem::into_legacy)
}

fn count_view(counts: &DailySortedLetter) -> Value {
    json!({
        "billing_day": response_files::day_of(counts).to_string(),
        "file_name": counts.file_name,
        "sorted_count": counts.sorted_count,
        "unsorted_count": counts.unsorted_count,
        "updated_at": counts.updated_at,
    })
}

fn file_view(file: &StoredResponseFile) -> Value {
    json!({
        "file_name": file.file_name,
        "noticed_at": file.noticed_at,
        "statuses_updated_at": file.statuses.at,
        "statuses_problem": file.statuses.problem,
        "counted_at": file.counts.at,
        "counts_problem": file.counts.problem,
    })
}

impl From<UploadError> for Problem {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::NotAResponseFile => invalid(error.to_string()),
            UploadError::Files(_) | UploadError::Store(_) => Self::legacy_internal(error),
        }
    }
}

impl From<CountError> for Problem {
    fn from(error: CountError) -> Self {
        match error {
            CountError::Dvla(exception) => {
                let line = exception.line();
                let line = line.map(|line| format!(": {line}")).unwrap_or_default();
                invalid(format!("{exception}{line}"))
            }
            CountError::CountedElsewhere(_) => {
                Self::legacy(StatusCode::CONFLICT, error.to_string())
            }
            CountError::Store(error) => Self::legacy_internal(error),
        }
    }
}
