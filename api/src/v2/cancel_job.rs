use app::jobs::{self, CancelError};
use axum::{extract::State, response::Response};
use http::{HeaderMap, StatusCode};

use super::{IdInPath, get_job::job_id, show_job::Job};
use crate::{Api, answer, callers::ServiceKey, problem, problem::Problem};

/// `DELETE /v2/jobs/<id>`: cancels a job that waits for its time, is paused or has stopped with an error. Any other is at
/// work, or is over. A key cancels what keys of its own type have made: nobody trying things out with a test key stops
/// what is meant.
pub(crate) async fn cancel_job(
    State(api): State<Api>,
    ServiceKey(caller): ServiceKey,
    IdInPath(id): IdInPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (service, id) = (caller.tenant.service.id, job_id(&id)?);
    let found = jobs::find(&api.app, service, id)
        .await
        .map_err(Problem::fault)?;
    let job = found.ok_or_else(Problem::not_found)?.job;
    if job.key_type != caller.key_type {
        return Err(problem::job_of_another_key_type());
    }
    match jobs::cancel(&api.app, service, id).await {
        Ok(_) => {
            let found = jobs::find(&api.app, service, id)
                .await
                .map_err(Problem::fault)?;
            let after = found.ok_or_else(Problem::not_found)?;
            let root = answer::url_root(&api, &headers);
            let shown = Job::new(&after.job, Some(&after.statistics), &root);
            Ok(answer::raw_json(StatusCode::OK, &shown))
        }
        Err(CancelError::NotWaiting) => Err(problem::job_not_waiting(job.status)),
        Err(CancelError::Store(error)) => Err(Problem::fault(error)),
        Err(CancelError::Cached(error)) => Err(Problem::fault(error)),
    }
}
