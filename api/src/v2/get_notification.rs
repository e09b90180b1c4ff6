use axum::{extract::State, response::Response};
use http::{HeaderMap, StatusCode};

use super::{IdInPath, show::Notification};
use crate::{Api, answer, callers::ServiceKey, problem::Problem};

/// `GET /v2/notifications/<id>` (`docs/spec/public-api.md` §14): any of the service's, whatever key, job or person sent
/// it.
pub(crate) async fn get_notification(
    State(api): State<Api>,
    ServiceKey(caller): ServiceKey,
    IdInPath(id): IdInPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = id
        .parse()
        .map_err(|_| super::not_an_id("notification_id"))?;
    let found = app::notifications::find(&api.app, caller.tenant.service.id, id)
        .await
        .map_err(Problem::fault)?;
    let shown = found.ok_or_else(Problem::not_found)?;
    let root = answer::url_root(&api, &headers);
    Ok(answer::raw_json(
        StatusCode::OK,
        &Notification::new(&api.app, &shown, &root),
    ))
}
