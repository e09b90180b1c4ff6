//! The statuses of AWS End User Messaging.

use domain::NotificationStatus as S;

/// Returns the status of a final event. Messages that can succeed later count as temporary failures.
pub(super) fn status(kind: &str) -> Option<S> {
    Some(match kind {
        // Where carriers do not report, their acceptance is the last event.
        "TEXT_DELIVERED" | "TEXT_SUCCESSFUL" => S::Delivered,
        "TEXT_INVALID"
        | "TEXT_BLOCKED"
        | "TEXT_CARRIER_BLOCKED"
        | "TEXT_SPAM"
        | "TEXT_PROTECT_BLOCKED" => S::PermanentFailure,
        "TEXT_UNREACHABLE" | "TEXT_CARRIER_UNREACHABLE" | "TEXT_TTL_EXPIRED" | "TEXT_UNKNOWN" => {
            S::TemporaryFailure
        }
        "TEXT_INVALID_MESSAGE" => S::TechnicalFailure,
        _ => return None,
    })
}

/// Returns the meaning of an event.
pub(super) fn detail(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "TEXT_INVALID" => "Invalid number",
        "TEXT_BLOCKED" => "Blocked by the provider",
        "TEXT_CARRIER_BLOCKED" => "Blocked by the carrier",
        "TEXT_SPAM" => "Taken for spam by the carrier",
        "TEXT_PROTECT_BLOCKED" => "Country blocked in the account",
        "TEXT_UNREACHABLE" => "Number unreachable",
        "TEXT_CARRIER_UNREACHABLE" => "Carrier unreachable",
        "TEXT_TTL_EXPIRED" => "Not delivered in time",
        "TEXT_UNKNOWN" => "Unknown error",
        "TEXT_INVALID_MESSAGE" => "Message refused by the carrier",
        _ => return None,
    })
}
