use app::letters::returned_reports::{self, ReturnedLetter};
use axum::{
    extract::{Query, State},
    response::{IntoResponse as _, Response},
};
use domain::{ServiceId, Timestamp};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ids::Id, invalid, listed, missing, ok};
use crate::{Api, problem::Problem};

#[derive(Debug, Deserialize)]
pub(crate) struct DayQuery {
    reported_at: Option<String>,
    #[serde(default)]
    format: Format,
}

/// How a report is returned.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Json,
    Csv,
}

/// `GET /service/<id>/returned-letter-statistics`
pub(crate) async fn get_returned_letter_statistics(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
) -> Result<Response, Problem> {
    let found = returned_reports::statistics(&api.app, service).await;
    let found = found.map_err(Problem::legacy_internal)?;
    Ok(ok(&json!({
        "returned_letter_count": found.returned_letter_count,
        "most_recent_report": found.most_recent_report.map(date),
    })))
}

/// `GET /service/<id>/returned-letter-summary`
pub(crate) async fn list_returned_letter_days(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
) -> Result<Response, Problem> {
    let days = returned_reports::days(&api.app, service).await;
    Ok(listed(
        &days.map_err(Problem::legacy_internal)?,
        |day| json!({"returned_letter_count": day.count, "reported_at": date(day.reported_at)}),
    ))
}

/// `GET /service/<id>/returned-letters?reported_at=YYYY-MM-DD`, with `format=csv` as a table.
pub(crate) async fn list_returned_letters(
    State(api): State<Api>,
    Query(query): Query<DayQuery>,
    Id(service): Id<ServiceId>,
) -> Result<Response, Problem> {
    let day = query.reported_at.ok_or_else(|| missing("reported_at"))?;
    let day = parse_date(&day)
        .ok_or_else(|| invalid("reported_at must be a date such as 2026-03-02".to_owned()))?;
    let report = returned_reports::of_day(&api.app, service, day).await;
    let report = report.map_err(Problem::legacy_internal)?;
    if matches!(query.format, Format::Csv) {
        let csv = returned_reports::to_csv(&report);
        let headers = [(header::CONTENT_TYPE, "text/csv; charset=utf-8")];
        return Ok((StatusCode::OK, headers, csv).into_response());
    }
    Ok(ok(&json!({
        "returned_letters": report.letters.iter().map(letter_view).collect::<Vec<_>>(),
        "orphaned_count": report.orphaned_count,
    })))
}

fn letter_view(letter: &ReturnedLetter) -> Value {
    let details = &letter.details;
    // The hidden template of letters that are supplied as PDF has no author.
    let template = (!details.is_precompiled).then_some(details);
    json!({
        "notification_id": details.id,
        "client_reference": letter.client_reference(),
        "reported_at": date(letter.reported_at),
        "created_at": details.created_at,
        "template_name": template.map(|one| &one.template_name),
        "template_id": template.map(|one| one.template_id),
        "template_version": template.map(|one| one.template_version),
        "user_name": details.user_name.as_deref().unwrap_or("API"),
        "email_address": details.sent_by.as_deref().unwrap_or("API"),
        "original_file_name": details.job_file_name,
        "job_row_number": letter.row_number(),
        "uploaded_letter_file_name": letter.uploaded_file_name(),
    })
}

/// Returns the date of the start of a day in UTC.
fn date(day: Timestamp) -> String {
    day.utc_day().to_string()
}

fn parse_date(text: &str) -> Option<Timestamp> {
    let is_date = text.len() == "2026-03-02".len();
    is_date
        .then(|| format!("{text}T00:00:00Z").parse().ok())
        .flatten()
}
