//! A message as GET shows it (public-api §14).

use app::notifications::{Cost, Shown};
use domain::{Channel, NotificationId, Postage, TemplateId, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

/// Every key, always; in alphabetical order, as they are written.
#[derive(Debug, Serialize)]
pub(super) struct Notification {
    body: String,
    completed_at: Option<Timestamp>,
    cost_details: Value,
    cost_in_pounds: Option<f64>,
    created_at: Timestamp,
    created_by_name: Option<String>,
    email_address: Option<String>,
    /// Of letters alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated_delivery: Option<Timestamp>,
    id: NotificationId,
    is_cost_data_ready: bool,
    line_1: Value,
    line_2: Value,
    line_3: Value,
    line_4: Value,
    line_5: Value,
    line_6: Value,
    one_click_unsubscribe_url: Option<String>,
    phone_number: Option<String>,
    postage: Option<Postage>,
    postcode: Value,
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

impl Notification {
    pub(super) fn new(shown: &Shown, root: &str) -> Self {
        let notification = &shown.notification;
        let recipient = || Some(shown.contents.recipient.reveal().clone());
        let is_letter = notification.channel == Channel::Letter;
        let values = is_letter.then(|| shown.values());
        // As they were sent, of whatever type.
        let line = |name: &str| {
            let value = values.as_ref().and_then(|values| values.get(name));
            value.cloned().unwrap_or_default()
        };
        let (id, version) = (notification.template_id, notification.template_version);
        let (is_cost_data_ready, cost_in_pounds, cost_details) = cost(shown.cost());
        Self {
            body: shown.body(),
            completed_at: notification
                .updated_at
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
            line_6: line("address line 6"),
            one_click_unsubscribe_url: shown.contents.unsubscribe_url.clone(),
            phone_number: (notification.channel == Channel::Sms)
                .then(recipient)
                .flatten(),
            postage: shown.postage(),
            postcode: line("postcode"),
            reference: notification.client_reference.clone(),
            scheduled_for: (),
            sent_at: notification.sent_at,
            status: if is_letter {
                notification.status.of_letter_as_shown()
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

/// Whether the cost is known, what it is, and what it is made of (public-api §14.2).
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
