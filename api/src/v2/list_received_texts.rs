use app::accept::limits;
use app::receipts::inbound_sms;
use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use domain::{InboundSmsId, ServiceId, Timestamp};
use http::{HeaderMap, StatusCode};
use serde::Serialize;

use super::query;
use crate::{Api, auth::ServiceKey, json, links, problem::Problem};

const PAGE_SIZE: u32 = 250;

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

/// Fields in alphabetical order, as serialised.
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
        // By hand: neither the text nor the number of its sender may reach a log.
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
    limits::check_read_rate(&api.app, &caller)?;
    let older_than = query::older_than(query.as_deref())?;
    let service = caller.tenant.service.id;
    // Until the response is written, because a page can have megabytes.
    let _making = api.pages.acquire().await.map_err(Problem::internal)?;
    let found = inbound_sms::list(&api.app, service, older_than, PAGE_SIZE)
        .await
        .map_err(Problem::internal)?;
    let root = links::root_url(&api, &headers);
    let current = format!("{root}v2/received-text-messages");
    let page = Page {
        links: Links {
            next: found
                .last()
                .map(|last| format!("{current}?older_than={}", last.id)),
            // Without `older_than`, whatever the request had (`docs/spec/public-api.md` §19).
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
    Ok(json::ordered_response(StatusCode::OK, &page))
}
