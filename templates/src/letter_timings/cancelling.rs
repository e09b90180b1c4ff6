//! Deadline for cancelling a letter (`docs/spec/templates.md` §12.3).

use std::sync::LazyLock;

use jiff::{
    Timestamp,
    civil::{DateTime, Time},
};
use serde::Deserialize;

use super::to_london;

/// Local time at which the day's letters are handed to the print provider.
const DEADLINE: Time = Time::constant(17, 30, 0, 0);

/// `cancellable_notification_statuses` of `content_constants.json`.
static STATUSES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let constants: Constants =
        serde_json::from_str(include_str!("../../data/content_constants.json"))
            .expect("the constants have the statuses that can be cancelled");
    constants.cancellable_notification_statuses
});

#[derive(Deserialize)]
struct Constants {
    cancellable_notification_statuses: Vec<String>,
}

/// Returns whether a letter in this status can still be cancelled.
pub fn can_be_cancelled(status: &str, created_at: Timestamp, now: Timestamp) -> bool {
    STATUSES.iter().any(|cancellable| cancellable == status)
        && !is_too_late_to_cancel(created_at, now)
}

/// Returns whether a letter has been handed to the print provider: at 17:30 London time on the day of its creation,
/// or on the next day if it was created later than that.
///
/// On the day itself the comparison allows up to a minute of grace, because it ignores the seconds of `now`.
pub fn is_too_late_to_cancel(created_at: Timestamp, now: Timestamp) -> bool {
    let (created, now) = (to_london(created_at).datetime(), to_london(now).datetime());
    let days_since = created.date().duration_until(now.date()).as_hours() / 24;
    let is_before_deadline = minute(created.time()) <= DEADLINE;
    (now.time() >= DEADLINE && created <= deadline_at_seconds_of(now))
        || (is_before_deadline && created.date() < now.date())
        || days_since > 1
}

fn deadline_at_seconds_of(now: DateTime) -> DateTime {
    let deadline = now.with().hour(DEADLINE.hour()).minute(DEADLINE.minute());
    deadline.build().expect("a time of day")
}

fn minute(time: Time) -> Time {
    Time::constant(time.hour(), time.minute(), 0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letter_timings::utc_from_text;

    #[test]
    fn letters_can_be_cancelled_until_half_past_five_in_london() {
        for (created, now, too_late) in [
            ("2025-02-04T09:00:00", "2025-02-04T17:29:59", false),
            ("2025-02-04T09:00:00", "2025-02-04T17:30:00", true),
            ("2025-02-04T17:30:20", "2025-02-04T17:30:10", false),
            ("2025-02-04T17:30:20", "2025-02-04T17:31:20", true),
            ("2025-02-04T17:31:00", "2025-02-05T17:29:00", false),
            ("2025-02-04T17:31:00", "2025-02-05T17:31:00", true),
            ("2025-02-04T17:30:59", "2025-02-05T09:00:00", true),
            ("2025-02-04T18:00:00", "2025-02-06T09:00:00", true),
            ("2025-07-04T16:29:00", "2025-07-04T16:30:00", true),
        ] {
            let moment = |text| utc_from_text(text).expect("a moment");
            assert_eq!(
                is_too_late_to_cancel(moment(created), moment(now)),
                too_late,
                "{created} {now}"
            );
        }
    }

    #[test]
    fn only_letters_that_wait_can_be_cancelled() {
        let now = Timestamp::UNIX_EPOCH;
        assert!(can_be_cancelled("pending-virus-check", now, now));
        assert!(!can_be_cancelled("sending", now, now));
    }
}
