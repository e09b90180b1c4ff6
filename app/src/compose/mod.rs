//! Composition that several stages share: a stored notification as the message its recipient gets.

pub(crate) mod sms;

use domain::Timestamp;

/// A moment as the providers take it.
pub(crate) fn to_jiff(now: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(now.unix_micros()).unwrap_or_default()
}
