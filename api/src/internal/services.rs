use std::collections::{BTreeMap, BTreeSet};

use app::services::{self, NewService, STANDARD_RATE_LIMIT, ServiceError};
use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use domain::{Allowance, Permission, ServiceId};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{id, invalid, read};
use crate::{Api, answer, callers::Internal, problem::Problem};

/// What an error of a service's use case says.
pub(super) fn problem(error: ServiceError) -> Problem {
    match error {
        ServiceError::NoSuch(_) => Problem::old(StatusCode::NOT_FOUND, error.to_string()),
        ServiceError::Invalid(why) => invalid(why.to_owned()),
        ServiceError::Store(error) => Problem::fault_old(error),
    }
}

fn shown(service: &app::Service) -> Value {
    json!({
        "id": service.id,
        "name": service.name,
        "active": service.active,
        "restricted": service.restricted,
        "permissions": service.permissions,
        "rate_limit": service.rate_limit,
        "email_sender_local_part": service.email_sender_local_part,
        "prefix_sms": service.prefix_sms,
        "limits": Allowance::ALL.iter()
            .map(|one| (one.as_str(), service.daily_limit(*one))).collect::<BTreeMap<_, _>>(),
        "created_at": service.created_at,
    })
}

/// `GET /service`
pub(crate) async fn list_services(
    State(api): State<Api>,
    _: Internal,
) -> Result<Response, Problem> {
    let found = services::list(&api.app).await.map_err(problem)?;
    let data: Vec<Value> = found.iter().map(shown).collect();
    Ok(answer::json(StatusCode::OK, &json!({"data": data})))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    name: String,
    #[serde(default)]
    restricted: bool,
    permissions: Option<BTreeSet<Permission>>,
    rate_limit: Option<u32>,
    #[serde(default)]
    limits: BTreeMap<Allowance, i64>,
    sms_sender: Option<String>,
    reply_to: Option<String>,
}

/// `POST /service`
pub(crate) async fn create_service(
    State(api): State<Api>,
    _: Internal,
    body: Body,
) -> Result<Response, Problem> {
    let create: Create = read(body).await?;
    let standard = NewService::named(create.name);
    let new = NewService {
        restricted: create.restricted,
        permissions: create.permissions.unwrap_or(standard.permissions),
        rate_limit: create.rate_limit.unwrap_or(STANDARD_RATE_LIMIT),
        limits: create.limits,
        sms_sender: create.sms_sender,
        reply_to: create.reply_to,
        name: standard.name,
    };
    let service = services::create(&api.app, new).await.map_err(problem)?;
    Ok(answer::json(
        StatusCode::CREATED,
        &json!({"data": shown(&service)}),
    ))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    active: Option<bool>,
    restricted: Option<bool>,
}

/// `POST /service/<id>`
pub(crate) async fn update_service(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let service: ServiceId = id(&service)?;
    let update: Update = read(body).await?;
    let found = services::list(&api.app).await.map_err(problem)?;
    let before = found
        .into_iter()
        .find(|one| one.id == service)
        .ok_or_else(Problem::old_not_found)?;
    let active = update.active.unwrap_or(before.active);
    let restricted = update.restricted.unwrap_or(before.restricted);
    services::set_mode(&api.app, service, active, restricted)
        .await
        .map_err(problem)?;
    let after = app::Service {
        active,
        restricted,
        ..before
    };
    Ok(answer::json(
        StatusCode::OK,
        &json!({"data": shown(&after)}),
    ))
}
