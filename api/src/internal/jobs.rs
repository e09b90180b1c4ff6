use app::jobs::{
    self, CancelError, CancelLettersError, CreateError, NewJob, PauseError, Progress, RetryRowError,
};
use axum::{
    extract::{Path, Query, State},
    response::Response,
};
use domain::{ContactListId, JobId, ServiceId, Timestamp, UserId};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    ids::{Id, Ids, Ids3},
    missing, read,
};
use crate::{Api, body_limit::RequestBody, json, problem::Problem};

const PAGE: u32 = 50;

fn job_view(job: &app::Job, statistics: &[Value]) -> Value {
    json!({
        "id": job.id,
        "service": job.service_id,
        "original_file_name": job.original_file_name,
        "template": job.template_id,
        "template_version": job.template_version,
        "notification_count": job.notification_count,
        "rows_kept": job.rows_kept,
        "job_status": job.status,
        "problem": job.problem,
        "created_by": job.created_by,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "scheduled_for": job.scheduled_for,
        "processing_started": job.processing_started,
        "processing_finished": job.processing_finished,
        "archived": job.archived,
        "contact_list_id": job.contact_list_id,
        "statistics": statistics,
    })
}

fn with_statistics(progress: &Progress) -> Value {
    let statistics: Vec<Value> = progress
        .statistics
        .iter()
        .map(|(status, count)| json!({"status": status, "count": count}))
        .collect();
    job_view(&progress.job, &statistics)
}

#[derive(Debug, Deserialize)]
struct Create {
    id: Option<JobId>,
    created_by: Option<UserId>,
    scheduled_for: Option<Timestamp>,
    contact_list_id: Option<ContactListId>,
}

/// `POST /service/<id>/job` (`docs/spec/workers.md` §4.4): creates a job from an uploaded spreadsheet, which has
/// the same id.
pub(crate) async fn create_job(
    State(api): State<Api>,
    Path(service): Path<String>,
    body: RequestBody,
) -> Result<Response, Problem> {
    // The body is checked before the id of the service, unlike elsewhere.
    let create: Create = read(body).await?;
    let new = NewJob {
        service: service.parse().map_err(|_| Problem::legacy_not_found())?,
        id: create.id,
        created_by: create.created_by,
        scheduled_for: create.scheduled_for,
        contact_list_id: create.contact_list_id,
    };
    let job = jobs::create(&api.app, new).await.map_err(refusal)?;
    Ok(json::response(
        StatusCode::CREATED,
        // A new job has no notifications, and the contract has an empty list here (`docs/spec/workers.md` §4.4).
        &json!({"data": job_view(&job, &[])}),
    ))
}

/// Returns the errors of `docs/spec/workers.md` §4.4, trailing spaces included.
fn refusal(error: CreateError) -> Problem {
    let (status, message) = match error {
        CreateError::NoId => return missing("id"),
        CreateError::ServiceInactive => (
            StatusCode::FORBIDDEN,
            json!("Create job is not allowed: service is inactive "),
        ),
        CreateError::NoSuch(_) => (StatusCode::NOT_FOUND, json!(error.to_string())),
        CreateError::LettersInTrial => (
            StatusCode::FORBIDDEN,
            json!("Create letter job is not allowed for service in trial mode "),
        ),
        CreateError::NotValid => (
            StatusCode::BAD_REQUEST,
            json!("File is not valid, can't create job"),
        ),
        CreateError::TemplateArchived => (
            StatusCode::BAD_REQUEST,
            json!({"template": ["Template has been deleted"]}),
        ),
        CreateError::ContactListArchived => (
            StatusCode::BAD_REQUEST,
            json!({"contact_list_id": ["Contact list has been archived"]}),
        ),
        CreateError::InThePast => (StatusCode::BAD_REQUEST, json!("Date cannot be in the past")),
        CreateError::TooFarAhead => (
            StatusCode::BAD_REQUEST,
            json!("Date cannot be more than 7 days in the future"),
        ),
        CreateError::Exists => (
            StatusCode::CONFLICT,
            json!("There is a job with this id already"),
        ),
        CreateError::Store(error) => return Problem::legacy_internal(error),
    };
    Problem::legacy(status, message)
}

#[derive(Debug, Deserialize)]
pub(crate) struct Paged {
    page: Option<u32>,
}

/// `GET /service/<id>/job?page=N`: newest first.
pub(crate) async fn list_jobs(
    State(api): State<Api>,
    Query(paged): Query<Paged>,
    Id(service): Id<ServiceId>,
) -> Result<Response, Problem> {
    // Pages count from 1.
    let page = paged.page.unwrap_or(1);
    let found = jobs::list(&api.app, service, page, PAGE)
        .await
        .map_err(Problem::legacy_internal)?;
    let data: Vec<Value> = found.iter().map(with_statistics).collect();
    Ok(json::response(
        StatusCode::OK,
        &json!({"data": data, "page_size": PAGE}),
    ))
}

/// `GET /service/<id>/job/<job>`
pub(crate) async fn get_job(
    State(api): State<Api>,
    Ids(service, job): Ids<ServiceId, JobId>,
) -> Result<Response, Problem> {
    let found = jobs::find(&api.app, service, job)
        .await
        .map_err(Problem::legacy_internal)?;
    let progress = found.ok_or_else(Problem::legacy_not_found)?;
    Ok(json::response(
        StatusCode::OK,
        &json!({"data": with_statistics(&progress)}),
    ))
}

/// `POST /service/<id>/job/<job>/cancel`: cancels a job that is scheduled, paused or in error
/// (`docs/spec/workers.md` §4.4).
pub(crate) async fn cancel_job(
    State(api): State<Api>,
    Ids(service, job): Ids<ServiceId, JobId>,
) -> Result<Response, Problem> {
    match jobs::cancel(&api.app, service, job).await {
        Ok(job) => Ok(json::response(
            StatusCode::OK,
            &json!({"data": job_view(&job, &[])}),
        )),
        // 404 and not 409, as the reference finds the job only if it is scheduled (`docs/spec/workers.md` §4.4).
        Err(error @ CancelError::NotWaiting) => {
            Err(Problem::legacy(StatusCode::NOT_FOUND, error.to_string()))
        }
        Err(CancelError::Store(error)) => Err(Problem::legacy_internal(error)),
        Err(CancelError::Cached(error)) => Err(Problem::legacy_internal(error)),
    }
}

/// `POST /service/<id>/job/<job>/cancel-letter-job`: cancels all its letters, unless they are being printed
/// (`docs/spec/letters.md` §12).
pub(crate) async fn cancel_letter_job(
    State(api): State<Api>,
    Ids(service, job): Ids<ServiceId, JobId>,
) -> Result<Response, Problem> {
    let cancelled = jobs::cancel_letters(&api.app, service, job).await;
    let why = match cancelled {
        // The number alone, without `data` around it: `docs/spec/letters.md` §12.
        Ok(count) => return Ok(json::response(StatusCode::OK, &json!(count))),
        Err(CancelLettersError::NoSuch) => return Err(Problem::legacy_not_found()),
        Err(CancelLettersError::NotLetters) => {
            "Only letter jobs can be cancelled through this endpoint. This is not a letter job."
        }
        Err(CancelLettersError::StillProcessing) => {
            "We are still processing these letters, please try again in 5 minutes."
        }
        Err(CancelLettersError::TooLate) => {
            "It’s too late to cancel sending, these letters have already been sent."
        }
        Err(CancelLettersError::Store(error)) => return Err(Problem::legacy_internal(error)),
        Err(CancelLettersError::Cached(error)) => return Err(Problem::legacy_internal(error)),
    };
    Ok(json::response(
        StatusCode::BAD_REQUEST,
        &json!({"message": why}),
    ))
}

/// `POST /service/<id>/job/<job>/pause`: stops processing further rows.
pub(crate) async fn pause_job(
    State(api): State<Api>,
    Ids(service, job): Ids<ServiceId, JobId>,
) -> Result<Response, Problem> {
    after_a_change(jobs::pause(&api.app, service, job).await)
}

/// `POST /service/<id>/job/<job>/resume`: continues a job that is paused or in error.
pub(crate) async fn resume_job(
    State(api): State<Api>,
    Ids(service, job): Ids<ServiceId, JobId>,
) -> Result<Response, Problem> {
    after_a_change(jobs::resume(&api.app, service, job).await)
}

/// `POST /service/<id>/job/<job>/row/<number>`: creates the notification of a row if it is missing
/// (`docs/spec/workers.md` §4.14).
pub(crate) async fn retry_row(
    State(api): State<Api>,
    Ids3(service, job, row): Ids3<ServiceId, JobId, u32>,
) -> Result<Response, Problem> {
    match jobs::retry_row(&api.app, service, job, row).await {
        Ok(retried) => {
            let status = if retried.was_missing {
                StatusCode::CREATED
            } else {
                StatusCode::OK
            };
            let data = json!({
                "notification_id": retried.notification, "row_number": row, "was_missing": retried.was_missing,
            });
            Ok(json::response(status, &json!({"data": data})))
        }
        Err(error @ RetryRowError::NoSuch(_)) => {
            Err(Problem::legacy(StatusCode::NOT_FOUND, error.to_string()))
        }
        Err(error @ (RetryRowError::NotKeptYet { .. } | RetryRowError::Impossible(_))) => {
            Err(Problem::legacy(StatusCode::CONFLICT, error.to_string()))
        }
        Err(RetryRowError::Store(error)) => Err(Problem::legacy_internal(error)),
    }
}

fn after_a_change(changed: Result<app::Job, PauseError>) -> Result<Response, Problem> {
    match changed {
        Ok(job) => Ok(json::response(
            StatusCode::OK,
            &json!({"data": job_view(&job, &[])}),
        )),
        Err(error @ PauseError::NoSuch) => {
            Err(Problem::legacy(StatusCode::NOT_FOUND, error.to_string()))
        }
        Err(error @ (PauseError::NotUnderWay(_) | PauseError::NotStopped(_))) => {
            Err(Problem::legacy(StatusCode::CONFLICT, error.to_string()))
        }
        Err(PauseError::Store(error)) => Err(Problem::legacy_internal(error)),
    }
}
