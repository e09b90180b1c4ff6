use app::{
    accept::storage,
    manage::services::{self, DEFAULT_RATE_LIMIT, NewService, ServiceChange},
};
use axum::{extract::State, response::Response};
use domain::{Allowance, Permission, ServiceId};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

use super::{created, fields::Fields, ids::Id, listed, no_content, ok};
use crate::{Api, problem::Problem};

pub(super) fn service_view(service: &app::Service) -> Value {
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
        "storage_limit_bytes": service.storage_limit_bytes,
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

/// Daily quotas that also have names of their own, beside `limits`.
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
    // Both spellings are read, and the one with a name of its own wins.
    let mut limits: BTreeMap<Allowance, i64> = fields.optional("limits").unwrap_or_default();
    for (allowance, name) in MESSAGE_LIMITS {
        if let Some(limit) = fields.optional(name) {
            limits.insert(*allowance, limit);
        }
    }
    limits
}

/// `GET /service`
pub(crate) async fn list_services(State(api): State<Api>) -> Result<Response, Problem> {
    let found = services::list(&api.app).await?;
    Ok(listed(&found, service_view))
}

/// `GET /service/<id>`: also what the service has stored.
pub(crate) async fn get_service(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
) -> Result<Response, Problem> {
    let found = services::find(&api.app, service).await?;
    let stored = storage::stored_bytes(&api.app, service).await;
    let mut view = service_view(&found);
    view["stored_bytes"] = stored.map_err(Problem::legacy_internal)?.into();
    Ok(ok(&view))
}

/// `POST /service`
pub(crate) async fn create_service(
    State(api): State<Api>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    // For its defaults, which belong to the use case and not to this endpoint.
    let standard = NewService::named(fields.or_default::<String>("name"));
    let permissions: Option<BTreeSet<Permission>> = fields.optional("permissions");
    let new = NewService {
        restricted: fields.optional("restricted").unwrap_or(false),
        permissions: permissions.unwrap_or(standard.permissions),
        rate_limit: fields.optional("rate_limit").unwrap_or(DEFAULT_RATE_LIMIT),
        limits: limits(&mut fields),
        sms_sender: fields.optional("sms_sender"),
        reply_to: fields.optional("reply_to"),
        organisation: fields.optional("organisation"),
        name: standard.name,
    };
    fields.finish()?;
    let service = services::create(&api.app, new).await?;
    Ok(created(&service_view(&service)))
}

/// `POST /service/<id>`: missing fields stay as they are.
pub(crate) async fn update_service(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let change = ServiceChange {
        name: fields.optional("name"),
        active: fields.optional("active"),
        restricted: fields.optional("restricted"),
        email_sender_local_part: fields.optional("email_sender_local_part"),
        prefix_sms: fields.optional("prefix_sms"),
        // These can be removed with null; for the others null means the same as missing.
        contact_link: fields.patch("contact_link"),
        rate_limit: fields.optional("rate_limit"),
        permissions: fields.optional("permissions"),
        limits: limits(&mut fields),
        storage_limit_bytes: fields.patch("storage_limit_bytes"),
        organisation: fields.patch("organisation"),
        count_as_live: fields.optional("count_as_live"),
    };
    fields.finish()?;
    let after = services::update(&api.app, service, change).await?;
    Ok(ok(&service_view(&after)))
}

/// `POST /service/<id>/archive`
pub(crate) async fn archive_service(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
) -> Result<Response, Problem> {
    services::archive(&api.app, service).await?;
    Ok(no_content())
}

/// `POST /service/<id>/suspend`
pub(crate) async fn suspend_service(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
) -> Result<Response, Problem> {
    services::suspend(&api.app, service).await?;
    Ok(no_content())
}

/// `POST /service/<id>/resume`
pub(crate) async fn resume_service(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
) -> Result<Response, Problem> {
    services::resume(&api.app, service).await?;
    Ok(no_content())
}
