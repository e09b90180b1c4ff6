//! MMG's statuses and codes (`docs/spec/workers.md` §9.1).

use domain::NotificationStatus as S;

pub(in crate::sms) fn status(status: &str) -> Option<S> {
    Some(match status {
        "3" => S::Delivered,
        "2" | "5" => S::PermanentFailure,
        "4" => S::TemporaryFailure,
        _ => return None,
    })
}

pub(in crate::sms) fn detail(status: &str, code: &str) -> Option<&'static str> {
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
