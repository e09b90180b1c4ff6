//! A notification in responses (`docs/spec/public-api.md` §14).

use std::collections::BTreeMap;

use app::{
    App,
    notifications::{Cost, NotificationView},
};
use domain::{Channel, NotificationId, Postage, TemplateId, Timestamp};
use serde::{Serialize, Serializer};
use serde_json::{Value, json, value::RawValue};
use text::exact_number;

/// Every key is always present. Fields in alphabetical order, as serialised.
#[derive(Debug, Serialize)]
pub(super) struct NotificationResponse {
    body: String,
    completed_at: Option<Timestamp>,
    cost_details: Value,
    cost_in_pounds: Option<f64>,
    created_at: Timestamp,
    created_by_name: Option<String>,
    email_address: Option<String>,
    /// Letters only.
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated_delivery: Option<Timestamp>,
    id: NotificationId,
    is_cost_data_ready: bool,
    line_1: AsSent,
    line_2: AsSent,
    line_3: AsSent,
    line_4: AsSent,
    line_5: AsSent,
    line_6: AsSent,
    one_click_unsubscribe_url: Option<String>,
    phone_number: Option<String>,
    postage: Option<Postage>,
    postcode: AsSent,
    reference: Option<String>,
    scheduled_for: (),
    sent_at: Option<Timestamp>,
    status: &'static str,
    subject: Option<String>,
    template: Template,
    #[serde(rename = "type")]
    channel: Channel,
}

#[derive(Debug, Serialize)]
struct Template {
    id: TemplateId,
    uri: String,
    version: u32,
}

/// A value as the request gave it: of any type, numbers with all their digits, keys in alphabetical order.
#[derive(Debug)]
struct AsSent(Value);

impl Serialize for AsSent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Written(&self.0).serialize(serializer)
    }
}

struct Written<'a>(&'a Value);

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(number) = exact_number(self.0) {
            return match RawValue::from_string(number.to_owned()) {
                Ok(digits) => digits.serialize(serializer),
                // An infinite number, which JSON lacks, is written as text.
                Err(_) => number.serialize(serializer),
            };
        }
        match self.0 {
            Value::Array(items) => serializer.collect_seq(items.iter().map(Written)),
            Value::Object(members) => {
                // In a response keys are in alphabetical order, and those of the request are not.
                let sorted: BTreeMap<_, _> = members.iter().collect();
                serializer.collect_map(
                    sorted
                        .into_iter()
                        .map(|(name, value)| (name, Written(value))),
                )
            }
            other => other.serialize(serializer),
        }
    }
}

impl NotificationResponse {
    pub(super) fn new(app: &App, shown: &NotificationView, root: &str) -> Self {
        let notification = &shown.notification;
        let recipient = || Some(shown.contents.recipient.reveal().clone());
        let is_letter = notification.channel == Channel::Letter;
        let values = is_letter.then(|| shown.values());
        // The values can have any type.
        let line = |name: &str| {
            let value = values.as_ref().and_then(|values| values.get(name));
            AsSent(value.cloned().unwrap_or_default())
        };
        let (id, version) = (notification.template_id, notification.template_version);
        let (is_cost_data_ready, cost_in_pounds, cost_details) = cost(shown.cost());
        Self {
            body: shown.body(),
            completed_at: notification
                .updated_at
                // Only in these statuses is the last change the completion (`docs/spec/public-api.md` §14).
                .filter(|_| notification.status.is_completed()),
            cost_details,
            cost_in_pounds,
            created_at: notification.created_at,
            created_by_name: shown.created_by_name.clone(),
            email_address: (notification.channel == Channel::Email)
                .then(recipient)
                .flatten(),
            estimated_delivery: shown.estimated_delivery(),
            id: notification.id,
            is_cost_data_ready,
            line_1: line("address line 1"),
            line_2: line("address line 2"),
            line_3: line("address line 3"),
            line_4: line("address line 4"),
            line_5: line("address line 5"),
            // The contract shows no line 7 (`docs/spec/public-api.md` §14).
            line_6: line("address line 6"),
            one_click_unsubscribe_url: shown.one_click_unsubscribe_url(app),
            phone_number: (notification.channel == Channel::Sms)
                .then(recipient)
                .flatten(),
            postage: shown.postage(),
            postcode: line("postcode"),
            reference: notification.client_reference.clone(),
            scheduled_for: (),
            sent_at: notification.sent_at,
            status: if is_letter {
                notification.status.public_letter_status()
            } else {
                notification.status.as_str()
            },
            subject: shown.subject(),
            template: Template {
                id,
                uri: format!("{root}v2/template/{id}/version/{version}"),
                version,
            },
            channel: notification.channel,
        }
    }
}

/// Returns whether the cost is known, the cost in pounds, and its parts (`docs/spec/public-api.md` §14.2).
fn cost(cost: Cost) -> (bool, Option<f64>, Value) {
    match cost {
        Cost::Unknown => (false, None, json!({})),
        Cost::Free => (true, Some(0.0), json!({})),
        Cost::Text {
            fragments,
            rate_multiplier,
            rate,
        } => (
            true,
            // Multiplied exactly; only the result becomes a float.
            Some(rate.times(fragments).times(rate_multiplier).pounds()),
            json!({
                "billable_sms_fragments": fragments,
                "international_rate_multiplier": f64::from(rate_multiplier),
                "sms_rate": rate.pounds(),
            }),
        ),
        Cost::Letter {
            sheets,
            postage,
            cost,
        } => (
            true,
            Some(cost.pounds()),
            json!({"billable_sheets_of_paper": sheets, "postage": postage}),
        ),
    }
}

#[cfg(test)]
mod tests {
    use text::keep_numbers;

    use super::*;

    #[test]
    fn values_keep_every_digit_and_are_sorted() {
        for (sent, written) in [
            (r#""10 Downing Street""#, r#""10 Downing Street""#),
            ("7", "7"),
            ("100000000000000000000", "100000000000000000000"),
            (
                r#"{"b":[-100000000000000000000],"a":1.0}"#,
                r#"{"a":1.0,"b":[-100000000000000000000]}"#,
            ),
            ("1e400", r#""inf""#),
        ] {
            let value = serde_json::from_slice(&keep_numbers(sent.as_bytes()).unwrap()).unwrap();
            assert_eq!(serde_json::to_string(&AsSent(value)).unwrap(), written);
        }
    }
}
