//! Notices of SES about an e-mail (`docs/spec/workers.md` §9.2), as identities notify and as configuration sets publish
//! them.

use domain::{Private, Timestamp};
use serde_json::Value;
use uuid::Uuid;

use super::{AmazonEvent, Malformed};

/// The tag with which an e-mail carries the id of its notification.
const NOTIFICATION_TAG: &str = "notification_id";

/// A notice of SES.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SesNotice {
    /// The id that SES gave the e-mail.
    pub message_id: String,
    /// The id of the notification, where the e-mail carried it.
    pub notification: Option<Uuid>,
    /// When SES accepted the e-mail.
    pub mailed_at: Option<Timestamp>,
    /// What became of it.
    pub event: SesEvent,
}

/// What became of an e-mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SesEvent {
    /// The recipient's mail server has it.
    Delivery,
    /// It came back.
    Bounce {
        /// Whether the address will never take e-mail.
        is_permanent: bool,
        /// The reason in codes, without personal data.
        detail: Option<String>,
    },
    /// The recipient complained about it.
    Complaint {
        /// The id of the complaint.
        feedback_id: Option<String>,
        /// Its type, such as `abuse`.
        complaint_type: Option<String>,
        /// When the recipient complained.
        at: Option<Timestamp>,
        /// The address that the e-mail was sent to.
        to: Option<Private<String>>,
    },
}

pub(super) fn parse(notice: &Value) -> Result<AmazonEvent, Malformed> {
    // Identities write `notificationType`, configuration sets `eventType`.
    let kind = text(notice, "/notificationType").or_else(|| text(notice, "/eventType"));
    let event = match kind.ok_or(Malformed)?.as_str() {
        "Delivery" => SesEvent::Delivery,
        "Bounce" => SesEvent::Bounce {
            is_permanent: text(notice, "/bounce/bounceType").as_deref() == Some("Permanent"),
            detail: bounce_detail(notice),
        },
        "Complaint" => SesEvent::Complaint {
            feedback_id: text(notice, "/complaint/feedbackId"),
            complaint_type: text(notice, "/complaint/complaintFeedbackType"),
            at: time(notice, "/complaint/timestamp"),
            to: text(notice, "/mail/destination/0").map(Private::new),
        },
        "Send" | "Open" | "Click" | "DeliveryDelay" | "Rendering Failure" | "Subscription" => {
            return Ok(AmazonEvent::Progress);
        }
        other => return Ok(AmazonEvent::Unsupported(other.to_owned())),
    };
    let tag = format!("/mail/tags/{NOTIFICATION_TAG}/0");
    Ok(AmazonEvent::Email(SesNotice {
        message_id: text(notice, "/mail/messageId").ok_or(Malformed)?,
        notification: text(notice, &tag).and_then(|id| Uuid::try_parse(&id).ok()),
        mailed_at: time(notice, "/mail/timestamp"),
        event,
    }))
}

/// Returns the subtype and the status of a bounce. The diagnostic text is left out, because it quotes the address.
fn bounce_detail(notice: &Value) -> Option<String> {
    let subtype = text(notice, "/bounce/bounceSubType");
    let status = text(notice, "/bounce/bouncedRecipients/0/status");
    let parts: Vec<String> = subtype.into_iter().chain(status).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

fn text(notice: &Value, pointer: &str) -> Option<String> {
    let text = notice.pointer(pointer)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

fn time(notice: &Value, pointer: &str) -> Option<Timestamp> {
    text(notice, pointer)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(notice: &Value) -> SesEvent {
        match parse(notice).unwrap() {
            AmazonEvent::Email(notice) => notice.event,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_a_permanent_bounce_is_permanent() {
        for (bounce_type, is_permanent) in [
            ("Permanent", true),
            ("permanent", false),
            ("Transient", false),
            ("Undetermined", false),
        ] {
            let notice = json!({
                "eventType": "Bounce", "mail": {"messageId": "m"},
                "bounce": {"bounceType": bounce_type, "bounceSubType": "General",
                    "bouncedRecipients": [{"emailAddress": "ada@example.com", "status": "5.1.1"}]},
            });
            let detail = Some("General 5.1.1".to_owned());
            let expected = SesEvent::Bounce {
                is_permanent,
                detail,
            };
            assert_eq!(parsed(&notice), expected, "{bounce_type}");
        }
    }

    #[test]
    fn a_notice_needs_the_id_of_its_message() {
        let notice = json!({"notificationType": "Delivery", "mail": {"messageId": ""}});
        assert_eq!(parse(&notice), Err(Malformed));
        let other = json!({"notificationType": "Reject", "mail": {"messageId": "m"}});
        assert_eq!(
            parse(&other),
            Ok(AmazonEvent::Unsupported("Reject".to_owned()))
        );
    }
}
