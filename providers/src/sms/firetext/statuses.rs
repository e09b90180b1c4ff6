//! Firetext's statuses and codes (`docs/spec/workers.md` §9.1).

use domain::NotificationStatus as S;

pub(in crate::sms) fn status(status: &str) -> Option<S> {
    Some(match status {
        "0" => S::Delivered,
        "1" => S::PermanentFailure,
        "2" => S::Pending,
        _ => return None,
    })
}

pub(in crate::sms) fn detail(code: &str) -> Option<&'static str> {
    code_meaning(code).map(|(_, detail)| detail)
}

/// Refines a failure. Firetext reports "declined" for temporary and permanent failures alike: a known code decides; without
/// one, a message that was pending when it was declined may get through another time.
pub(in crate::sms) fn refine(status: S, code: Option<&str>, before: S) -> S {
    if status != S::PermanentFailure {
        return status;
    }
    match (code.and_then(code_meaning), before) {
        (Some((decided, _)), _) => decided,
        (None, S::Pending) => S::TemporaryFailure,
        (None, _) => status,
    }
}

fn code_meaning(code: &str) -> Option<(S, &'static str)> {
    Some(match code {
        "000" => (S::TemporaryFailure, "No error reported"),
        "101" => (S::PermanentFailure, "Unknown Subscriber"),
        "102" => (S::TemporaryFailure, "Absent Subscriber"),
        "103" => (S::TemporaryFailure, "Subscriber Busy"),
        "104" => (S::TemporaryFailure, "No Subscriber Memory"),
        "201" => (S::PermanentFailure, "Invalid Number"),
        "301" => (S::PermanentFailure, "SMS Not Supported"),
        "302" => (S::TemporaryFailure, "SMS Not Supported"),
        "401" => (S::PermanentFailure, "Message Rejected"),
        "900" => (S::TemporaryFailure, "Routing Error"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_code_decides_and_a_pending_message_may_get_through_another_time() {
        let refined = |code, before| refine(S::PermanentFailure, code, before);
        assert_eq!(refined(Some("101"), S::Pending), S::PermanentFailure);
        assert_eq!(refined(Some("102"), S::Sending), S::TemporaryFailure);
        assert_eq!(refined(Some("999"), S::Pending), S::TemporaryFailure);
        assert_eq!(refined(None, S::Sending), S::PermanentFailure);
    }
}
