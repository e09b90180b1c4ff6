use std::collections::{BTreeMap, BTreeSet};

use app::manage::services::{self, NewService, STANDARD_RATE_LIMIT, ServiceChange};
use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use domain::{Allowance, Permission, ServiceId};
use serde_json::{Value, json};

use super::{created, fields::Fields, id, listed, no_content, ok, problem};
use crate::{Api, callers::Internal, problem::Problem};

pub(super) fn shown(service: &app::Service) -> Value {
    let mut value = json!({
        "id": service.id,
        "name": service.name,
        "active": service.active,
        "restricted": service.restricted,
        "permissions": service.permissions,
        "rate_limit": service.rate_limit,
        "email_sender_local_part": service.email_sender_local_part,
        "prefix_sms": service.prefix_sms,
        "contact_link": service.contact_link,
        "organisation": service.organisation_id,
        "count_as_live": service.count_as_live,
        "limits": Allowance::ALL.iter()
            .map(|one| (one.as_str(), service.daily_limit(*one))).collect::<BTreeMap<_, _>>(),
        "created_at": service.created_at,
    });
    for (allowance, name) in MESSAGE_LIMITS {
        value[*name] = service.daily_limit(*allowance).into();
    }
    value
}

/// Daily limits under names of their own, beside those in `limits`.
const MESSAGE_LIMITS: &[(Allowance, &str)] = &[
    (Allowance::Email, "email_message_limit"),
    (Allowance::Sms, "sms_message_limit"),
    (Allowance::Letter, "letter_message_limit"),
    (
        Allowance::InternationalSms,
        "international_sms_message_limit",
    ),
];

fn limits(fields: &mut Fields) -> BTreeMap<Allowance, i64> {
    let mut limits: BTreeMap<Allowance, i64> = fields.may("limits").unwrap_or_default();
    for (allowance, name) in MESSAGE_LIMITS {
        if let Some(limit) = fields.may(name) {
            limits.insert(*allowance, limit);
        }
    }
    limits
}

/// `GET /service`
pub(crate) async fn list_services(
    State(api): State<Api>,
    _: Internal,
) -> Result<Response, Problem> {
    let found = services::list(&api.app).await.map_err(problem)?;
    Ok(listed(&found, shown))
}

/// `GET /service/<id>`
pub(crate) async fn get_service(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
) -> Result<Response, Problem> {
    let found = services::find(&api.app, id(&service)?)
        .await
        .map_err(problem)?;
    Ok(ok(&shown(&found)))
}

/// `POST /service`
pub(crate) async fn create_service(
    State(api): State<Api>,
    _: Internal,
    body: Body,
) -> Result<Response, Problem> {
    let mut fields = Fields::read(body).await?;
    let standard = NewService::named(fields.need::<String>("name"));
    let permissions: Option<BTreeSet<Permission>> = fields.may("permissions");
    let new = NewService {
        restricted: fields.may("restricted").unwrap_or(false),
        permissions: permissions.unwrap_or(standard.permissions),
        rate_limit: fields.may("rate_limit").unwrap_or(STANDARD_RATE_LIMIT),
        limits: limits(&mut fields),
        sms_sender: fields.may("sms_sender"),
        reply_to: fields.may("reply_to"),
        organisation: fields.may("organisation"),
        name: standard.name,
    };
    fields.finish()?;
    let service = services::create(&api.app, new).await.map_err(problem)?;
    Ok(created(&shown(&service)))
}

/// `POST /service/<id>`: what is not given stays.
pub(crate) async fn update_service(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let service: ServiceId = id(&service)?;
    let mut fields = Fields::read(body).await?;
    let change = ServiceChange {
        name: fields.may("name"),
        active: fields.may("active"),
        restricted: fields.may("restricted"),
        email_sender_local_part: fields.may("email_sender_local_part"),
        prefix_sms: fields.may("prefix_sms"),
        contact_link: fields.change("contact_link"),
        rate_limit: fields.may("rate_limit"),
        permissions: fields.may("permissions"),
        limits: limits(&mut fields),
        organisation: fields.change("organisation"),
        count_as_live: fields.may("count_as_live"),
    };
    fields.finish()?;
    let after = services::update(&api.app, service, change)
        .await
        .map_err(problem)?;
    Ok(ok(&shown(&after)))
}

/// `POST /service/<id>/archive`
pub(crate) async fn archive_service(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
) -> Result<Response, Problem> {
    services::archive(&api.app, id(&service)?)
        .await
        .map_err(problem)?;
    Ok(no_content())
}

/// `POST /service/<id>/suspend`
pub(crate) async fn suspend_service(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
) -> Result<Response, Problem> {
    services::suspend(&api.app, id(&service)?)
        .await
        .map_err(problem)?;
    Ok(no_content())
}

/// `POST /service/<id>/resume`
pub(crate) async fn resume_service(
    State(api): State<Api>,
    _: Internal,
    Path(service): Path<String>,
) -> Result<Response, Problem> {
    services::resume(&api.app, id(&service)?)
        .await
        .map_err(problem)?;
    Ok(no_content())
}
