//! What the receipts of text message providers mean (`docs/spec/workers.md` §9.1).

use crate::{NotificationStatus as S, words::words};

words! {
    /// A provider of text messages whose receipts we read.
    Reporter, "reporter" {
        /// Reports by JSON.
        Mmg = "mmg",
        /// Reports by form.
        Firetext = "firetext",
    }
}

impl Reporter {
    /// What people call it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Mmg => "MMG",
            Self::Firetext => "Firetext",
        }
    }

    /// What a message becomes by a receipt with this status, before [`refined`]. `None`: there is no such status.
    pub fn status(self, status: &str) -> Option<S> {
        Some(match (self, status) {
            (Self::Mmg, "3") | (Self::Firetext, "0") => S::Delivered,
            (Self::Mmg, "2" | "5") | (Self::Firetext, "1") => S::PermanentFailure,
            (Self::Mmg, "4") => S::TemporaryFailure,
            (Self::Firetext, "2") => S::Pending,
            _ => return None,
        })
    }

    /// What the code beside a status says. `None`: we do not know it.
    pub fn detail(self, status: &str, code: &str) -> Option<&'static str> {
        match self {
            Self::Mmg => mmg_detail(status, code),
            Self::Firetext => firetext_code(code).map(|(_, detail)| detail),
        }
    }
}

/// Firetext says "declined" for what may pass and for what never will. For a message that it had, a known code decides;
/// without one, what was on its way when it was declined may get through another time.
pub fn refined(status: S, sent_by: &str, code: Option<&str>, before: S) -> S {
    if status != S::PermanentFailure || sent_by != Reporter::Firetext.as_str() {
        return status;
    }
    match (code.and_then(firetext_code), before) {
        (Some((decided, _)), _) => decided,
        (None, S::Pending) => S::TemporaryFailure,
        (None, _) => status,
    }
}

fn firetext_code(code: &str) -> Option<(S, &'static str)> {
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

fn mmg_detail(status: &str, code: &str) -> Option<&'static str> {
    Some(match (status, code) {
        ("2", "1") => "Number does not exist",
        ("2", "4") => "Rejected by operator",
        ("2", "5") => "Unidentified Subscriber",
        ("2", "9") => "Undelivered",
        ("2", "11") => "Service for Subscriber suspended",
        ("2", "12") => "Illegal equipment",
        ("2", "2049") => "Subscriber IMSI blacklisted",
        ("2", "2050") => "Number blacklisted in do-not-disturb blacklist",
        ("2", "2052") | ("5", "14") => "Destination number blacklisted",
        ("2", "2053") => "Source address blacklisted",
        ("3", "2") => "Delivered to operator",
        ("3", "5") => "Delivered to handset",
        ("4", "6" | "27") => "Absent Subscriber",
        ("4", "8") => "Roaming not allowed",
        ("4", "13") => "SMS Not Supported",
        ("4", "15") => "Expired",
        ("4", "29") => "Invalid delivery report",
        ("4", "32") => "Delivery Failure",
        ("5", "6") => "Network out of coverage",
        ("5", "8") => "Incorrect number prefix",
        ("5", "10") => "Number on do-not-disturb service",
        ("5", "11") => "Sender id not registered",
        ("5", "13") => "Sender id blacklisted",
        ("5", "19") => "Routing unavailable",
        ("5", "20") => "Rejected by anti-flooding mechanism",
        ("5", "21") => "System error",
        ("5", "23") => "Duplicate message id",
        ("5", "24") => "Message formatted incorrectly",
        ("5", "25") => "Message too long",
        ("5", "51") => "Missing recipient value",
        ("5", "52") => "Invalid destination",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_code_of_firetext_decides_and_what_was_pending_may_get_through_another_time() {
        let refined = |code, before| refined(S::PermanentFailure, "firetext", code, before);
        assert_eq!(refined(Some("101"), S::Pending), S::PermanentFailure);
        assert_eq!(refined(Some("102"), S::Sending), S::TemporaryFailure);
        assert_eq!(refined(Some("999"), S::Pending), S::TemporaryFailure);
        assert_eq!(refined(None, S::Sending), S::PermanentFailure);
    }

    #[test]
    fn only_what_firetext_had_is_refined() {
        let status = refined(S::PermanentFailure, "mmg", Some("102"), S::Pending);
        assert_eq!(status, S::PermanentFailure);
    }
}
