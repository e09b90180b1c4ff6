//! Deadline for cancelling a letter (`docs/spec/letters.md` §12 Build).

use jiff::{
    Timestamp, ToSpan as _,
    civil::{Date, Time},
};

use super::{from_london, to_london};

/// Local time at which the print run of a day starts.
const DEADLINE: Time = Time::constant(17, 30, 0, 0);

/// Returns the local day whose print run took a letter, or `None` if that run has not started and the letter can still
/// be cancelled.
pub fn printing_started(created_at: Timestamp, now: Timestamp) -> Option<Date> {
    let created = to_london(created_at).datetime();
    // A letter of exactly 17:30:00 is too late for the run that starts at this moment.
    let day = if created.time() < DEADLINE {
        created.date()
    } else {
        created.date().saturating_add(1.day())
    };
    (now >= from_london(day.to_datetime(DEADLINE))).then_some(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_printed_at_half_past_five_of_its_day_in_london() {
        for (created, now, day) in [
            ("2026-02-04T09:00:00Z", "2026-02-04T17:29:59.999999Z", ""),
            ("2026-02-04T09:00:00Z", "2026-02-04T17:30:00Z", "2026-02-04"),
            ("2026-02-04T17:29:59Z", "2026-02-05T09:00:00Z", "2026-02-04"),
            ("2026-02-04T17:30:00Z", "2026-02-05T17:29:59Z", ""),
            ("2026-02-04T17:30:00Z", "2026-02-05T17:30:00Z", "2026-02-05"),
            ("2026-02-04T18:00:00Z", "2026-02-06T09:00:00Z", "2026-02-05"),
            ("2026-07-04T16:29:00Z", "2026-07-04T16:30:00Z", "2026-07-04"),
        ] {
            let started = printing_started(created.parse().unwrap(), now.parse().unwrap());
            let started = started.map(|day| day.to_string()).unwrap_or_default();
            assert_eq!(started, day, "{created} {now}");
        }
    }
}
