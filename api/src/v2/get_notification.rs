use axum::{extract::State, response::Response};
use http::{HeaderMap, StatusCode};

use super::{IdInPath, notification_response::NotificationResponse};
use crate::{Api, auth::ServiceKey, json, links, problem::Problem};

/// `GET /v2/notifications/<id>` (`docs/spec/public-api.md` §14): any notification of the
/// service, whichever key, job or user sent it.
pub(crate) async fn get_notification(
    State(api): State<Api>,
    ServiceKey(caller): ServiceKey,
    IdInPath(id): IdInPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = id
        .parse()
        .map_err(|_| super::invalid_id("notification_id"))?;
    let found = app::notifications::find(&api.app, caller.tenant.service.id, id)
        .await
        .map_err(Problem::internal)?;
    let shown = found.ok_or_else(Problem::not_found)?;
    let root = links::root_url(&api, &headers);
    Ok(json::ordered_response(
        StatusCode::OK,
        &NotificationResponse::new(&api.app, &shown, &root),
    ))
}
