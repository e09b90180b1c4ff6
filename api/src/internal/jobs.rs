use app::jobs::{
    self, CancelError, CancelLettersError, CreateError, NewJob, PauseError, Progress, RetryRowError,
};
use axum::{
    body::Body,
    extract::{Path, Query, State},
    response::Response,
};
use domain::{ContactListId, JobId, Timestamp, UserId};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{id, missing, read};
use crate::{Api, answer, callers::Internal, problem::Problem};

/// How many jobs a page has.
const PAGE: u32 = 50;

fn shown(job: &app::Job, statistics: &[Value]) -> Value {
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
    shown(&progress.job, &statistics)
}

#[derive(Debug, Deserialize)]
struct Create {
    id: Option<JobId>,
    created_by: Option<UserId>,
    scheduled_for: Option<Timestamp>,
    contact_list_id: Option<ContactListId>,
}

/// `POST /service/<id>/job` (`docs/spec/workers.md` §4.4): the spreadsheet with this id is uploaded already.
pub(crate) async fn create_job(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let create: Create = read(body).await?;
    let new = NewJob {
        service: id(&service)?,
        id: create.id,
        created_by: create.created_by,
        scheduled_for: create.scheduled_for,
        contact_list_id: create.contact_list_id,
    };
    let job = jobs::create(&api.app, new).await.map_err(refusal)?;
    Ok(answer::json(
        StatusCode::CREATED,
        &json!({"data": shown(&job, &[])}),
    ))
}

/// The texts of `docs/spec/workers.md` §4.4, trailing spaces included.
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
        CreateError::Store(error) => return Problem::fault_old(error),
    };
    Problem::old(status, message)
}

#[derive(Debug, Deserialize)]
pub(crate) struct Paged {
    page: Option<u32>,
}

/// `GET /service/<id>/job?page=N`: newest first.
pub(crate) async fn list_jobs(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
    Query(paged): Query<Paged>,
) -> Result<Response, Problem> {
    let page = paged.page.unwrap_or(1);
    let found = jobs::list(&api.app, id(&service)?, page, PAGE)
        .await
        .map_err(Problem::fault_old)?;
    let data: Vec<Value> = found.iter().map(with_statistics).collect();
    Ok(answer::json(
        StatusCode::OK,
        &json!({"data": data, "page_size": PAGE}),
    ))
}

/// `GET /service/<id>/job/<job>`
pub(crate) async fn get_job(
    State(api): State<Api>,
    _: Internal,
    Path((service, job)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let found = jobs::find(&api.app, id(&service)?, id(&job)?)
        .await
        .map_err(Problem::fault_old)?;
    let progress = found.ok_or_else(Problem::old_not_found)?;
    Ok(answer::json(
        StatusCode::OK,
        &json!({"data": with_statistics(&progress)}),
    ))
}

/// `POST /service/<id>/job/<job>/cancel`: a job that is scheduled, paused or stopped with an error
/// (`docs/spec/workers.md` §4.4).
pub(crate) async fn cancel_job(
    State(api): State<Api>,
    _: Internal,
    Path((service, job)): Path<(String, String)>,
) -> Result<Response, Problem> {
    match jobs::cancel(&api.app, id(&service)?, id(&job)?).await {
        Ok(job) => Ok(answer::json(
            StatusCode::OK,
            &json!({"data": shown(&job, &[])}),
        )),
        Err(error @ CancelError::NotWaiting) => {
            Err(Problem::old(StatusCode::NOT_FOUND, error.to_string()))
        }
        Err(CancelError::Store(error)) => Err(Problem::fault_old(error)),
        Err(CancelError::Cached(error)) => Err(Problem::fault_old(error)),
    }
}

/// `POST /service/<id>/job/<job>/cancel-letter-job`: all its letters, until they are printed
/// (`docs/spec/letters.md` §12).
pub(crate) async fn cancel_letter_job(
    State(api): State<Api>,
    _: Internal,
    Path((service, job)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let cancelled = jobs::cancel_letters(&api.app, id(&service)?, id(&job)?).await;
    let why = match cancelled {
        Ok(count) => return Ok(answer::json(StatusCode::OK, &json!(count))),
        Err(CancelLettersError::NoSuch) => return Err(Problem::old_not_found()),
        Err(CancelLettersError::NotLetters) => {
            "Only letter jobs can be cancelled through this endpoint. This is not a letter job."
        }
        Err(CancelLettersError::StillProcessing) => {
            "We are still processing these letters, please try again in 5 minutes."
        }
        Err(CancelLettersError::TooLate) => {
            "It’s too late to cancel sending, these letters have already been sent."
        }
        Err(CancelLettersError::Store(error)) => return Err(Problem::fault_old(error)),
        Err(CancelLettersError::Cached(error)) => return Err(Problem::fault_old(error)),
    };
    Ok(answer::json(
        StatusCode::BAD_REQUEST,
        &json!({"message": why}),
    ))
}

/// `POST /service/<id>/job/<job>/pause`: rows that are not kept yet wait.
pub(crate) async fn pause_job(
    State(api): State<Api>,
    _: Internal,
    Path((service, job)): Path<(String, String)>,
) -> Result<Response, Problem> {
    after_a_change(jobs::pause(&api.app, id(&service)?, id(&job)?).await)
}

/// `POST /service/<id>/job/<job>/resume`: a job that is paused, or that stopped with an error, goes on.
pub(crate) async fn resume_job(
    State(api): State<Api>,
    _: Internal,
    Path((service, job)): Path<(String, String)>,
) -> Result<Response, Problem> {
    after_a_change(jobs::resume(&api.app, id(&service)?, id(&job)?).await)
}

/// `POST /service/<id>/job/<job>/row/<number>`: does one row again, if it was lost (`docs/spec/workers.md` §4.14).
pub(crate) async fn redo_row(
    State(api): State<Api>,
    _: Internal,
    Path((service, job, row)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    let (service, job, row) = (id(&service)?, id(&job)?, id(&row)?);
    match jobs::retry_row(&api.app, service, job, row).await {
        Ok(redone) => {
            let status = if redone.was_missing {
                StatusCode::CREATED
            } else {
                StatusCode::OK
            };
            let data = json!({
                "notification_id": redone.notification, "row_number": row, "was_missing": redone.was_missing,
            });
            Ok(answer::json(status, &json!({"data": data})))
        }
        Err(error @ RetryRowError::NoSuch(_)) => {
            Err(Problem::old(StatusCode::NOT_FOUND, error.to_string()))
        }
        Err(error @ (RetryRowError::NotKeptYet { .. } | RetryRowError::Impossible(_))) => {
            Err(Problem::old(StatusCode::CONFLICT, error.to_string()))
        }
        Err(RetryRowError::Store(error)) => Err(Problem::fault_old(error)),
    }
}

fn after_a_change(changed: Result<app::Job, PauseError>) -> Result<Response, Problem> {
    match changed {
        Ok(job) => Ok(answer::json(
            StatusCode::OK,
            &json!({"data": shown(&job, &[])}),
        )),
        Err(error @ PauseError::NoSuch) => {
            Err(Problem::old(StatusCode::NOT_FOUND, error.to_string()))
        }
        Err(error @ (PauseError::NotUnderWay(_) | PauseError::NotStopped(_))) => {
            Err(Problem::old(StatusCode::CONFLICT, error.to_string()))
        }
        Err(PauseError::Store(error)) => Err(Problem::fault_old(error)),
    }
}
