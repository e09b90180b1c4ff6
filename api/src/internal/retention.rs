use app::manage::retention::{self, Retention};
use axum::{extract::State, response::Response};
use domain::{RetentionId, ServiceId};
use serde_json::{Value, json};

use super::{
    created,
    fields::Fields,
    ids::{Id, Ids},
    listed, ok,
};
use crate::{Api, problem::Problem};

fn retention_view(service: ServiceId, retention: &Retention) -> Value {
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
    Id(service): Id<ServiceId>,
) -> Result<Response, Problem> {
    let found = retention::list(&api.app, service).await?;
    Ok(listed(&found, |one| retention_view(service, one)))
}

/// `POST /service/<id>/data-retention`
pub(crate) async fn create_data_retention(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let days = fields.or_default("days_of_retention");
    let notification_type = fields.required("notification_type")?;
    fields.finish()?;
    let made = retention::create(&api.app, service, notification_type, days).await?;
    Ok(created(&retention_view(service, &made)))
}

/// `GET /service/<id>/data-retention/<retention>`
pub(crate) async fn get_data_retention(
    State(api): State<Api>,
    Ids(service, retention): Ids<ServiceId, RetentionId>,
) -> Result<Response, Problem> {
    let found = retention::find(&api.app, service, retention).await?;
    Ok(ok(&retention_view(service, &found)))
}

/// `POST /service/<id>/data-retention/<retention>`
pub(crate) async fn update_data_retention(
    State(api): State<Api>,
    Ids(service, retention): Ids<ServiceId, RetentionId>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let days = fields.or_default("days_of_retention");
    fields.finish()?;
    let after = retention::update(&api.app, service, retention, days).await?;
    Ok(ok(&retention_view(service, &after)))
}
