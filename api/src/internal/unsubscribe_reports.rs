use app::receipts::unsubscribe;
use axum::{extract::State, response::Response};
use domain::ServiceId;
use serde_json::json;
use uuid::Uuid;

use super::{
    created,
    fields::Fields,
    ids::{Id, Ids},
    listed, no_content, ok,
};
use crate::{Api, problem::Problem};

/// `GET /service/<id>/unsubscribe-request-reports-summary`
pub(crate) async fn list_unsubscribe_reports(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
) -> Result<Response, Problem> {
    let found = unsubscribe::list_reports(&api.app, service).await;
    let found = found.map_err(Problem::legacy_internal)?;
    // What is in no report yet comes first, as a report without an id.
    let waiting = found.unreported.map(|(count, earliest, latest)| {
        json!({
            "batch_id": null,
            "count": count,
            "earliest_timestamp": earliest,
            "latest_timestamp": latest,
            "created_at": null,
            "processed_by_service_at": null,
            "is_a_batched_report": false,
        })
    });
    let reports = found.reports.iter().map(|report| {
        json!({
            "batch_id": report.id,
            "count": report.request_count,
            "earliest_timestamp": report.earliest_at,
            "latest_timestamp": report.latest_at,
            "created_at": report.created_at,
            "processed_by_service_at": report.processed_at,
            "is_a_batched_report": true,
        })
    });
    Ok(ok(&waiting.into_iter().chain(reports).collect()))
}

/// `POST /service/<id>/create-unsubscribe-request-report`
pub(crate) async fn create_unsubscribe_report(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
) -> Result<Response, Problem> {
    let report = unsubscribe::create_report(&api.app, service).await;
    match report.map_err(Problem::legacy_internal)? {
        Some(report) => Ok(created(&json!({"report_id": report.id}))),
        None => Err(Problem::legacy_not_found()),
    }
}

/// `GET /service/<id>/unsubscribe-request-report/<report>`
pub(crate) async fn get_unsubscribe_report(
    State(api): State<Api>,
    Ids(service, report): Ids<ServiceId, Uuid>,
) -> Result<Response, Problem> {
    let found = unsubscribe::list_of_report(&api.app, service, report).await;
    let found = found.map_err(Problem::legacy_internal)?;
    if found.is_empty() {
        return Err(Problem::legacy_not_found());
    }
    Ok(listed(&found, |request| {
        json!({
            "email_address": request.email_address.reveal(),
            "notification_id": request.notification_id,
            "template_id": request.template_id,
            "template_version": request.template_version,
            "unsubscribe_request_received_at": request.created_at,
        })
    }))
}

/// `POST /service/<id>/process-unsubscribe-request-report/<report>`: `{"report_has_been_processed": true}`.
pub(crate) async fn process_unsubscribe_report(
    State(api): State<Api>,
    Ids(service, report): Ids<ServiceId, Uuid>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let is_processed: bool = fields.or_default("report_has_been_processed");
    fields.finish()?;
    let exists = unsubscribe::set_report_processed(&api.app, service, report, is_processed).await;
    if exists.map_err(Problem::legacy_internal)? {
        Ok(no_content())
    } else {
        Err(Problem::legacy_not_found())
    }
}
