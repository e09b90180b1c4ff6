use axum::{extract::State, response::Response};
use domain::JobId;
use http::{HeaderMap, StatusCode};

use super::{IdInPath, show_job::Job};
use crate::{Api, answer, callers::ServiceKey, problem::Problem};

/// `GET /v2/jobs/<id>`: any of the service's, whatever key or person made it, with what has become of its rows.
pub(crate) async fn get_job(
    State(api): State<Api>,
    ServiceKey(caller): ServiceKey,
    IdInPath(id): IdInPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let found = app::jobs::find(&api.app, caller.tenant.service.id, job_id(&id)?)
        .await
        .map_err(Problem::fault)?;
    let progress = found.ok_or_else(Problem::not_found)?;
    let root = answer::url_root(&api, &headers);
    Ok(answer::raw_json(
        StatusCode::OK,
        &Job::new(&progress.job, Some(&progress.statistics), &root),
    ))
}

/// The id in a path.
pub(super) fn job_id(text: &str) -> Result<JobId, Problem> {
    text.parse()
        .map_err(|_| Problem::validation(vec!["job_id is not a valid UUID".to_owned()]))
}
