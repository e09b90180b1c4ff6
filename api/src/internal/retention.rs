use app::manage::retention::{self, Retention};
use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use domain::{RetentionId, ServiceId};
use serde_json::{Value, json};

use super::{created, fields::Fields, id, listed, ok, problem};
use crate::{Api, callers::Internal, problem::Problem};

fn shown(service: ServiceId, retention: &Retention) -> Value {
    json!({
        "id": retention.id,
        "service_id": service,
        "notification_type": retention.notification_type,
        "days_of_retention": retention.days_of_retention,
        "created_at": retention.created_at,
        "updated_at": retention.updated_at,
    })
}

/// `GET /service/<id>/data-retention`
pub(crate) async fn list_data_retention(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
) -> Result<Response, Problem> {
    let service = id(&service)?;
    let found = retention::list(&api.app, service).await.map_err(problem)?;
    Ok(listed(&found, |one| shown(service, one)))
}

/// `POST /service/<id>/data-retention`
pub(crate) async fn create_data_retention(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let service = id(&service)?;
    let mut fields = Fields::read(body).await?;
    let days = fields.need("days_of_retention");
    let notification_type = fields.must("notification_type")?;
    fields.finish()?;
    let made = retention::create(&api.app, service, notification_type, days)
        .await
        .map_err(problem)?;
    Ok(created(&shown(service, &made)))
}

/// `GET /service/<id>/data-retention/<retention>`
pub(crate) async fn get_data_retention(
    State(api): State<Api>,
    _: Internal,
    Path((service, retention)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let service = id(&service)?;
    let found = retention::find(&api.app, service, id(&retention)?)
        .await
        .map_err(problem)?;
    Ok(ok(&shown(service, &found)))
}

/// `POST /service/<id>/data-retention/<retention>`
pub(crate) async fn update_data_retention(
    State(api): State<Api>,
    _: Internal,
    Path((service, retention)): Path<(String, String)>,
    body: Body,
) -> Result<Response, Problem> {
    let (service, retention): (_, RetentionId) = (id(&service)?, id(&retention)?);
    let mut fields = Fields::read(body).await?;
    let days = fields.need("days_of_retention");
    fields.finish()?;
    let after = retention::update(&api.app, service, retention, days)
        .await
        .map_err(problem)?;
    Ok(ok(&shown(service, &after)))
}
