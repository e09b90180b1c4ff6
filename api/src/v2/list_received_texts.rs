use app::receipts::inbound_sms;
use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use domain::{InboundSmsId, ServiceId, Timestamp};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::Value;

use super::schema::{shown, unexpected};
use crate::{Api, answer, callers::ServiceKey, problem::Problem};

/// How many texts a page has.
const PAGE: u32 = 250;

#[derive(Debug, Serialize)]
struct Page {
    links: Links,
    received_text_messages: Vec<ReceivedText>,
}

#[derive(Debug, Serialize)]
struct Links {
    current: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// In alphabetical order, as they are written.
#[derive(Serialize)]
struct ReceivedText {
    content: String,
    created_at: Timestamp,
    id: InboundSmsId,
    notify_number: String,
    service_id: ServiceId,
    user_number: String,
}

impl std::fmt::Debug for ReceivedText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReceivedText")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// `GET /v2/received-text-messages` (`docs/spec/public-api.md` §19)
pub(crate) async fn list_received_texts(
    State(api): State<Api>,
    ServiceKey(caller): ServiceKey,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let older_than = older_than(query.as_deref().unwrap_or_default())?;
    let service = caller.tenant.service.id;
    let found = inbound_sms::list(&api.app, service, older_than, PAGE)
        .await
        .map_err(Problem::fault)?;
    let root = answer::url_root(&api, &headers);
    let current = format!("{root}v2/received-text-messages");
    let page = Page {
        links: Links {
            next: found
                .last()
                .map(|last| format!("{current}?older_than={}", last.id)),
            current,
        },
        received_text_messages: found
            .into_iter()
            .map(|text| ReceivedText {
                content: text.content.into_inner(),
                created_at: text.created_at,
                id: text.id,
                notify_number: text.notify_number,
                service_id: text.service_id,
                user_number: text.user_number.into_inner(),
            })
            .collect(),
    };
    Ok(answer::raw_json(StatusCode::OK, &page))
}

/// The text that the page begins after, if one is named; or everything that is wrong with the query.
fn older_than(query: &str) -> Result<Option<InboundSmsId>, Problem> {
    let (mut first, mut unknown) = (None, Vec::new());
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        if key == "older_than" {
            first.get_or_insert(value);
        } else if !unknown.contains(&key) {
            unknown.push(key);
        }
    }
    unknown.sort();
    let id = first.as_ref().map(|text| text.parse::<InboundSmsId>());
    let mut errors = Vec::new();
    if matches!(id, Some(Err(_))) {
        errors.push("older_than is not a valid UUID".to_owned());
    }
    let names: Vec<String> = unknown
        .into_iter()
        .map(|key| shown(&Value::from(key)))
        .collect();
    errors.extend(unexpected(&names));
    if errors.is_empty() {
        Ok(id.and_then(Result::ok))
    } else {
        Err(Problem::validation(errors))
    }
}
