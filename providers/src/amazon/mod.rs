//! Events of Amazon: what SES reports about e-mails, and AWS End User Messaging about text messages. They arrive through
//! SNS ([`sns`]), or as JSON that a forwarder takes from a queue.

mod envelope;
mod ses;
mod sms;
pub mod sns;

use serde_json::Value;

pub use ses::{SesEvent, SesNotice};

use crate::sms::receipts::SmsReceipt;

/// An event, in our own terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AmazonEvent {
    /// A notice of SES about an e-mail.
    Email(SesNotice),
    /// A final report about a text message.
    Sms(SmsReceipt),
    /// A step on the way, such as an e-mail that was sent: nothing changes.
    Progress,
    /// A type that the platform has no use for.
    Unsupported(String),
}

/// A body that holds no events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body holds no event that can be parsed")]
pub struct Malformed;

/// Parses the events of a body: one as SES, SNS, EventBridge or End User Messaging writes it, or many as SQS or Lambda
/// hand them over.
pub fn parse_events(body: &[u8]) -> Result<Vec<AmazonEvent>, Malformed> {
    envelope::unwrap(body)?.iter().map(parse_event).collect()
}

fn parse_event(event: &Value) -> Result<AmazonEvent, Malformed> {
    if event.get("mail").is_some() {
        return ses::parse(event);
    }
    // Every event of End User Messaging about a text has a type such as `TEXT_DELIVERED`.
    match event.get("eventType").and_then(Value::as_str) {
        Some(kind) if kind.starts_with("TEXT_") => sms::parse(kind, event),
        Some(kind) => Ok(AmazonEvent::Unsupported(kind.to_owned())),
        None => Err(Malformed),
    }
}
