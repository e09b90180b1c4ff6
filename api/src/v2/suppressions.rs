//! The suppression list of a service (`docs/spec/public-api.md` §26).

use app::accept::limits;
use app::suppression::{self, Actor, SuppressionError};
use axum::{
    extract::{RawQuery, State},
    response::{IntoResponse as _, Response},
};
use domain::{KeyType, SuppressionId, SuppressionReason, Timestamp};
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use super::{IdInPath, query};
use crate::{
    Api,
    auth::ServiceKey,
    body_limit::{self, RequestBody},
    json, links,
    problem::Problem,
};

const PAGE_SIZE: u32 = 250;

#[derive(Serialize)]
struct Page {
    links: Links,
    suppressions: Vec<Entry>,
}

#[derive(Serialize)]
struct Links {
    current: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Fields in alphabetical order, as serialised.
#[derive(Serialize)]
struct Entry {
    created_at: Timestamp,
    id: SuppressionId,
    reason: SuppressionReason,
    recipient: Option<String>,
    r#type: domain::Channel,
}

/// `GET /v2/suppressions`
pub(crate) async fn list_suppressions(
    State(api): State<Api>,
    ServiceKey(caller): ServiceKey,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    limits::check_read_rate(&api.app, &caller)?;
    let older_than = query::older_than(query.as_deref())?;
    let service = caller.tenant.service.id;
    let found = suppression::list(&api.app, service, older_than, PAGE_SIZE)
        .await
        .map_err(Problem::internal)?;
    let current = format!("{}v2/suppressions", links::root_url(&api, &headers));
    let page = Page {
        links: Links {
            next: found
                .last()
                .map(|last| format!("{current}?older_than={}", last.id)),
            current,
        },
        suppressions: found
            .into_iter()
            .map(|entry| Entry {
                created_at: entry.created_at,
                id: entry.id,
                reason: entry.reason,
                recipient: entry.recipient.map(domain::Private::into_inner),
                r#type: entry.channel,
            })
            .collect(),
    };
    Ok(json::ordered_response(StatusCode::OK, &page))
}

/// `POST /v2/suppressions`: adds a recipient.
pub(crate) async fn add_suppression(
    State(api): State<Api>,
    ServiceKey(caller): ServiceKey,
    body: RequestBody,
) -> Result<Response, Problem> {
    check_key_type(caller.key_type)?;
    let body = json::parse_v2(&body_limit::read_form(body).await?)?;
    let missing = || Problem::validation(vec!["recipient is a required property".to_owned()]);
    let recipient = body.get("recipient").ok_or_else(missing)?;
    let not_text = || Problem::validation(vec!["recipient is not of type string".to_owned()]);
    let recipient = recipient.as_str().ok_or_else(not_text)?;
    let service = caller.tenant.service.id;
    match suppression::add(&api.app, service, recipient, Actor::Api).await {
        Ok((id, is_new)) => {
            let status = if is_new {
                StatusCode::CREATED
            } else {
                StatusCode::OK
            };
            Ok(json::response(status, &serde_json::json!({"id": id})))
        }
        Err(SuppressionError::InvalidRecipient) => Err(invalid_recipient()),
        Err(SuppressionError::NoSuchService) => Err(Problem::not_found()),
        Err(SuppressionError::Store(fault)) => Err(Problem::internal(fault)),
    }
}

/// `DELETE /v2/suppressions/<id>`
pub(crate) async fn remove_suppression(
    State(api): State<Api>,
    ServiceKey(caller): ServiceKey,
    IdInPath(id): IdInPath,
) -> Result<Response, Problem> {
    let id: SuppressionId = id.parse().map_err(|_| Problem::not_found())?;
    let service = caller.tenant.service.id;
    let exists = suppression::exists(&api.app, service, id).await;
    if !exists.map_err(Problem::internal)? {
        return Err(Problem::not_found());
    }
    check_key_type(caller.key_type)?;
    let removed = suppression::remove(&api.app, service, id, Actor::Api).await;
    if removed.map_err(Problem::internal)? {
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        Err(Problem::not_found())
    }
}

/// A key that sends nothing real must not decide who gets real messages.
fn check_key_type(key_type: KeyType) -> Result<(), Problem> {
    if key_type == KeyType::Normal {
        Ok(())
    } else {
        Err(not_with_this_key())
    }
}

/// Returns the 403 of a test or team key.
pub(crate) fn not_with_this_key() -> Problem {
    Problem::v2(
        StatusCode::FORBIDDEN,
        "BadRequestError",
        "Cannot change the suppression list with a team or test api key",
    )
}

/// Returns the 400 of a text that is no recipient.
pub(crate) fn invalid_recipient() -> Problem {
    Problem::validation(vec![
        "recipient is not a valid email address or phone number".to_owned(),
    ])
}
