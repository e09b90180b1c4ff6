//! Events of AWS End User Messaging about a text message.

use serde_json::Value;

use super::{AmazonEvent, Malformed};
use crate::sms::receipts::SmsReceipt;

/// The member of a message's context that holds the id of its notification.
const CONTEXT_MEMBER: &str = "notification_id";

pub(super) fn parse(kind: &str, event: &Value) -> Result<AmazonEvent, Malformed> {
    // A report that is not final says only how far the message is. Events of older versions lack the member.
    let is_final = event
        .get("isFinal")
        .and_then(Value::as_bool)
        .unwrap_or(true);
    if !is_final || is_progress(kind) {
        return Ok(AmazonEvent::Progress);
    }
    let context = event.get("context").and_then(|all| all.get(CONTEXT_MEMBER));
    let reference = context.and_then(Value::as_str).ok_or(Malformed)?;
    Ok(AmazonEvent::Sms(SmsReceipt {
        reference: reference.to_owned(),
        status: kind.to_owned(),
        code: None,
    }))
}

fn is_progress(kind: &str) -> bool {
    matches!(kind, "TEXT_QUEUED" | "TEXT_PENDING" | "TEXT_SENT")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_final_event_is_a_receipt() {
        let event = |kind: &str, is_final: Option<bool>| {
            let mut event =
                json!({"eventType": kind, "messageId": "m", "context": {"notification_id": "n"}});
            if let Some(is_final) = is_final {
                event["isFinal"] = is_final.into();
            }
            parse(kind, &event).unwrap()
        };
        assert_eq!(event("TEXT_SENT", Some(true)), AmazonEvent::Progress);
        assert_eq!(event("TEXT_SUCCESSFUL", Some(false)), AmazonEvent::Progress);
        for is_final in [Some(true), None] {
            let AmazonEvent::Sms(receipt) = event("TEXT_DELIVERED", is_final) else {
                panic!("it is final");
            };
            assert_eq!(
                (&*receipt.reference, &*receipt.status),
                ("n", "TEXT_DELIVERED")
            );
        }
    }
}
