use axum::{extract::State, response::Response};
use domain::JobId;
use http::{HeaderMap, StatusCode};

use super::{IdInPath, job_response::JobResponse};
use crate::{Api, auth::ServiceKey, json, links, problem::Problem};

/// `GET /v2/jobs/<id>`: any job of the service, whichever key or user created it, with the statuses of its notifications.
pub(crate) async fn get_job(
    State(api): State<Api>,
    ServiceKey(caller): ServiceKey,
    IdInPath(id): IdInPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let found = app::jobs::find(&api.app, caller.tenant.service.id, job_id(&id)?)
        .await
        .map_err(Problem::internal)?;
    let progress = found.ok_or_else(Problem::not_found)?;
    let root = links::root_url(&api, &headers);
    Ok(json::ordered_response(
        StatusCode::OK,
        &JobResponse::new(&progress.job, Some(&progress.statistics), &root),
    ))
}

/// Parses the id in a path.
pub(super) fn job_id(text: &str) -> Result<JobId, Problem> {
    text.parse()
        .map_err(|_| Problem::validation(vec!["job_id is not a valid UUID".to_owned()]))
}
