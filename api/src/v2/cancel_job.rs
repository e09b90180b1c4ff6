use app::jobs::{self, CancelError};
use axum::{extract::State, response::Response};
use http::{HeaderMap, StatusCode};

use super::{IdInPath, get_job::job_id, job_response::JobResponse};
use crate::{Api, auth::ServiceKey, json, links, problem, problem::Problem};

/// `DELETE /v2/jobs/<id>`: cancels a job that is scheduled, paused or in error.
pub(crate) async fn cancel_job(
    State(api): State<Api>,
    ServiceKey(caller): ServiceKey,
    IdInPath(id): IdInPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (service, id) = (caller.tenant.service.id, job_id(&id)?);
    let found = jobs::find(&api.app, service, id)
        .await
        .map_err(Problem::internal)?;
    let job = found.ok_or_else(Problem::not_found)?.job;
    // A test key must not stop a job that sends real messages.
    if job.key_type != caller.key_type {
        return Err(problem::job_of_another_key_type());
    }
    match jobs::cancel(&api.app, service, id).await {
        Ok(_) => {
            // Read again: the response has the status and the numbers after cancelling.
            let found = jobs::find(&api.app, service, id)
                .await
                .map_err(Problem::internal)?;
            let after = found.ok_or_else(Problem::not_found)?;
            let root = links::root_url(&api, &headers);
            let shown = JobResponse::new(&after.job, Some(&after.statistics), &root);
            Ok(json::ordered_response(StatusCode::OK, &shown))
        }
        Err(CancelError::NotWaiting) => Err(problem::job_not_waiting(job.status)),
        Err(CancelError::Store(error)) => Err(Problem::internal(error)),
        Err(CancelError::Cached(error)) => Err(Problem::internal(error)),
    }
}
