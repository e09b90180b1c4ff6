use std::fmt::Write as _;

use app::accept::limits;
use app::notifications::{self, Filter};
use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use domain::{Channel, NotificationId, NotificationStatus};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::Value;

use super::{notification_response::NotificationResponse, query::Query};
use crate::{
    Api,
    auth::ServiceKey,
    json, links,
    problem::{Problem, display_value},
};

const PAGE_SIZE: u32 = 250;

const KEYS: [&str; 5] = [
    "reference",
    "status",
    "template_type",
    "include_jobs",
    "older_than",
];

#[derive(Debug, Serialize)]
struct Page {
    links: Links,
    notifications: Vec<NotificationResponse>,
}

#[derive(Debug, Serialize)]
struct Links {
    current: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// `GET /v2/notifications` (`docs/spec/public-api.md` §16)
pub(crate) async fn list_notifications(
    State(api): State<Api>,
    ServiceKey(caller): ServiceKey,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    limits::check_read_rate(&api.app, &caller)?;
    let mut query = NotificationQuery::parse(query.as_deref())?;
    let filter = Filter {
        // Unlike `GET` of one notification, which any key of the service may read.
        key_type: Some(caller.key_type),
        ..std::mem::take(&mut query.filter)
    };
    let service = caller.tenant.service.id;
    // Until the response is written, because a page can have megabytes.
    let _making = api.pages.acquire().await.map_err(Problem::internal)?;
    let found = notifications::list(&api.app, service, filter, query.older_than, PAGE_SIZE)
        .await
        .map_err(Problem::internal)?;

    let root = links::root_url(&api, &headers);
    let last = found.last().map(|shown| shown.notification.id);
    let page = Page {
        links: Links {
            current: query.link(&root, None),
            // Present unless the page is empty, even if nothing follows: clients go on until it is missing.
            next: last.map(|last| query.link(&root, Some(last))),
        },
        notifications: found
            .iter()
            .map(|shown| NotificationResponse::new(&api.app, shown, &root))
            .collect(),
    };
    Ok(json::ordered_response(StatusCode::OK, &page))
}

/// Returns the statuses that can be asked for, in the order in which an error lists them.
pub(crate) fn statuses() -> Vec<&'static str> {
    let stored = NotificationStatus::ALL.iter().map(|status| status.as_str());
    stored.chain(["accepted", "received"]).collect()
}

/// The query of this list, parsed.
struct NotificationQuery {
    query: Query,
    filter: Filter,
    older_than: Option<NotificationId>,
}

impl NotificationQuery {
    /// Parses the query, or fails with everything that is wrong with it, in the order of the contract.
    fn parse(text: Option<&str>) -> Result<Self, Problem> {
        // Neither database keeps a NUL in a text, so none can match.
        let query = Query::parse(text).without_nul();
        let mut errors = Vec::new();
        check_words("status", query.values("status"), &statuses(), &mut errors);
        let types: Vec<&str> = Channel::ALL
            .iter()
            .map(|channel| channel.as_str())
            .collect();
        check_words(
            "template_type",
            query.values("template_type"),
            &types,
            &mut errors,
        );
        // Of repeated values only the first counts, so only that one is checked.
        let include_jobs = query.values("include_jobs").get(..1).unwrap_or_default();
        check_words("include_jobs", include_jobs, &["true", "True"], &mut errors);
        let older_than = query.id("older_than", &mut errors);
        query.check(&KEYS, errors)?;
        let filter = Filter {
            include_jobs: !include_jobs.is_empty(),
            statuses: query
                .values("status")
                .iter()
                // Every word is known here, or `check` has failed. One can stand for several statuses, such as
                // `failed`.
                .flat_map(|word| NotificationStatus::matching(word).unwrap_or_default())
                .collect(),
            channels: query
                .values("template_type")
                .iter()
                .filter_map(|word| word.parse().ok())
                .collect(),
            client_reference: query.first("reference").map(str::to_owned),
            ..Filter::default()
        };
        Ok(Self {
            query,
            filter,
            older_than,
        })
    }

    /// Returns the URL of this page, or of the one that begins after `last`.
    fn link(&self, root: &str, last: Option<NotificationId>) -> String {
        let mut pairs: Vec<(&str, String)> = Vec::new();
        for (key, values) in self.query.iter() {
            // Keys stay in the order of the request (`docs/spec/public-api.md` §16).
            match (key, last) {
                ("older_than", Some(last)) => pairs.push((key, last.to_string())),
                // Only the first value of these counts, so the link repeats only that one.
                ("reference" | "older_than" | "include_jobs", _) => {
                    pairs.extend(values.first().map(|value| (key, value.clone())));
                }
                _ => pairs.extend(values.iter().map(|value| (key, value.clone()))),
            }
        }
        if let (Some(last), None) = (last, self.query.first("older_than")) {
            pairs.push(("older_than", last.to_string()));
        }
        let query: Vec<String> = pairs
            .iter()
            .map(|(key, value)| format!("{}={}", encode(key), encode(value)))
            .collect();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{root}v2/notifications{mark}{}", query.join("&"))
    }
}

/// Adds an error for each value that is not one of the allowed words.
fn check_words(key: &str, values: &[String], allowed: &[&str], errors: &mut Vec<String>) {
    for value in values {
        if !allowed.contains(&value.as_str()) {
            errors.push(format!(
                "{key} {} is not one of [{}]",
                display_value(&Value::from(value.as_str())),
                allowed.join(", ")
            ));
        }
    }
}

/// Form-encodes a text, but leaves more characters as they are than usual (`docs/spec/public-api.md` §16).
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => encoded.push('+'),
            byte if byte.is_ascii_alphanumeric() || b"-._~!$'()*,/:;?@".contains(&byte) => {
                encoded.push(byte.into());
            }
            byte => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}
