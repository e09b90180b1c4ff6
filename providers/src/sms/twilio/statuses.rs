//! Twilio's statuses and error codes.

use domain::NotificationStatus as S;

/// Returns the status of a final report. A code decides how a message failed that did not arrive.
pub(in crate::sms) fn status(status: &str, code: Option<&str>) -> Option<S> {
    Some(match status {
        "delivered" | "read" => S::Delivered,
        // Without a code that says more, the handset may take the next message.
        "undelivered" => code.and_then(failure).unwrap_or(S::TemporaryFailure),
        // Twilio did not get it to a carrier: the fault of the account or the message, unless the code says otherwise.
        "failed" => code.and_then(failure).unwrap_or(S::TechnicalFailure),
        "canceled" => S::TechnicalFailure,
        _ => return None,
    })
}

/// Returns whether a status says only how far a message is.
pub(super) fn is_progress(status: &str) -> bool {
    matches!(
        status,
        "accepted" | "scheduled" | "queued" | "sending" | "sent"
    )
}

fn failure(code: &str) -> Option<S> {
    Some(match code {
        "30004" | "30005" | "30006" | "30007" | "21610" | "21614" => S::PermanentFailure,
        "30001" | "30003" | "30008" | "30009" | "30010" | "30017" | "30022" => S::TemporaryFailure,
        "30002" | "30034" | "30032" => S::TechnicalFailure,
        _ => return None,
    })
}

pub(in crate::sms) fn detail(code: &str) -> Option<&'static str> {
    Some(match code {
        "21610" => "Recipient has unsubscribed",
        "21614" => "Not a mobile number",
        "30001" => "Queue overflow",
        "30002" => "Account suspended",
        "30003" => "Handset unreachable",
        "30004" => "Blocked",
        "30005" => "Unknown handset",
        "30006" => "Landline or unreachable carrier",
        "30007" => "Filtered by the carrier",
        "30008" => "Unknown error",
        "30009" => "Missing segment",
        "30010" => "Price above the limit",
        "30017" => "Carrier network congestion",
        "30022" => "Rate limit of the carrier",
        "30032" => "Toll-free number not verified",
        "30034" => "Unregistered number",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_decides_how_a_message_failed() {
        for (word, code, expected) in [
            ("delivered", None, Some(S::Delivered)),
            ("undelivered", Some("30005"), Some(S::PermanentFailure)),
            ("undelivered", Some("30003"), Some(S::TemporaryFailure)),
            ("undelivered", Some("99999"), Some(S::TemporaryFailure)),
            ("undelivered", None, Some(S::TemporaryFailure)),
            ("failed", Some("30002"), Some(S::TechnicalFailure)),
            ("failed", None, Some(S::TechnicalFailure)),
            ("sent", None, None),
        ] {
            assert_eq!(status(word, code), expected, "{word} {code:?}");
        }
    }
}
