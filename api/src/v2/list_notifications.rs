use std::fmt::Write as _;

use app::notifications::{self, Filter};
use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use domain::{Channel, NotificationId, NotificationStatus};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::Value;

use super::{
    schema::{shown, unexpected},
    show::Notification,
};
use crate::{Api, answer, callers::ServiceKey, problem::Problem};

/// How many messages a page has.
const PAGE: u32 = 250;

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
    notifications: Vec<Notification>,
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
    let query = Query::read(query.as_deref().unwrap_or_default());
    query.check()?;
    let filter = Filter {
        key_type: Some(caller.key_type),
        ..query.filter()
    };
    let service = caller.tenant.service.id;
    let found = notifications::list(&api.app, service, filter, query.older_than(), PAGE)
        .await
        .map_err(Problem::fault)?;

    let root = answer::url_root(&api, &headers);
    let last = found.last().map(|shown| shown.notification.id);
    let page = Page {
        links: Links {
            current: query.link(&root, None),
            next: last.map(|last| query.link(&root, Some(last))),
        },
        notifications: found
            .iter()
            .map(|shown| Notification::new(&api.app, shown, &root))
            .collect(),
    };
    Ok(answer::raw_json(StatusCode::OK, &page))
}

/// The statuses that may be asked for, in the order in which an error lists them.
pub(crate) fn statuses() -> Vec<&'static str> {
    let stored = NotificationStatus::ALL.iter().map(|status| status.as_str());
    stored.chain(["accepted", "received"]).collect()
}

/// The query: keys in the order of their first appearance, each with its values. A NUL is dropped: no database of ours
/// keeps one in a text.
struct Query(Vec<(String, Vec<String>)>);

impl Query {
    fn read(text: &str) -> Self {
        let mut keys: Vec<(String, Vec<String>)> = Vec::new();
        for (key, value) in form_urlencoded::parse(text.as_bytes()) {
            match keys.iter_mut().find(|(known, _)| *known == key) {
                Some((_, values)) => values.push(value.replace('\0', "")),
                None => keys.push((key.into_owned(), vec![value.replace('\0', "")])),
            }
        }
        Self(keys)
    }

    fn values(&self, key: &str) -> &[String] {
        self.0
            .iter()
            .find(|(known, _)| known == key)
            .map_or(&[], |(_, values)| values)
    }

    /// Of repeated values that can only be given once, the first counts.
    fn first(&self, key: &str) -> Option<&str> {
        self.values(key).first().map(String::as_str)
    }

    /// Everything that is wrong with it, in the order of the contract.
    fn check(&self) -> Result<(), Problem> {
        let not_one_of = |key: &str, value: &str, allowed: &[&str]| {
            format!(
                "{key} {} is not one of [{}]",
                shown(&Value::from(value)),
                allowed.join(", ")
            )
        };
        let statuses = statuses();
        let types: Vec<&str> = Channel::ALL
            .iter()
            .map(|channel| channel.as_str())
            .collect();
        let wrong = |key, allowed: &[&str]| -> Vec<String> {
            let unknown = self
                .values(key)
                .iter()
                .filter(|value| !allowed.contains(&value.as_str()));
            unknown
                .map(|value| not_one_of(key, value, allowed))
                .collect()
        };
        let mut errors = wrong("status", &statuses);
        errors.extend(wrong("template_type", &types));
        if let Some(value) = self
            .first("include_jobs")
            .filter(|value| !["true", "True"].contains(value))
        {
            errors.push(not_one_of("include_jobs", value, &["true", "True"]));
        }
        if self
            .first("older_than")
            .is_some_and(|id| id.parse::<NotificationId>().is_err())
        {
            errors.push("older_than is not a valid UUID".to_owned());
        }
        let mut unknown: Vec<&String> = self
            .0
            .iter()
            .map(|(key, _)| key)
            .filter(|key| !KEYS.contains(&key.as_str()))
            .collect();
        unknown.sort();
        let names: Vec<String> = unknown
            .into_iter()
            .map(|key| shown(&Value::from(key.as_str())))
            .collect();
        errors.extend(unexpected(&names));
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Problem::validation(errors))
        }
    }

    fn filter(&self) -> Filter {
        Filter {
            include_jobs: self.first("include_jobs").is_some(),
            statuses: self
                .values("status")
                .iter()
                .flat_map(|word| NotificationStatus::matching(word).unwrap_or_default())
                .collect(),
            channels: self
                .values("template_type")
                .iter()
                .filter_map(|word| word.parse().ok())
                .collect(),
            client_reference: self.first("reference").map(str::to_owned),
            ..Filter::default()
        }
    }

    fn older_than(&self) -> Option<NotificationId> {
        self.first("older_than").and_then(|id| id.parse().ok())
    }

    /// The query as it was understood; for the next page with the last id of this one, in its place or at the end.
    fn link(&self, root: &str, last: Option<NotificationId>) -> String {
        let mut pairs: Vec<(&str, String)> = Vec::new();
        for (key, values) in &self.0 {
            match (key.as_str(), last) {
                ("older_than", Some(last)) => pairs.push((key, last.to_string())),
                ("reference" | "older_than" | "include_jobs", _) => {
                    pairs.extend(values.first().map(|value| (key.as_str(), value.clone())));
                }
                _ => pairs.extend(values.iter().map(|value| (key.as_str(), value.clone()))),
            }
        }
        if let (Some(last), None) = (last, self.first("older_than")) {
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

/// Form encoding in which more characters stay than usual (`docs/spec/public-api.md` §16).
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
