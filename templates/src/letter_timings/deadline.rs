//! The deadline of the print run (`docs/spec/letters.md` §7, §12 Build): cancelling, the print day, the estimated delivery and
//! the run itself all ask here.

use jiff::{
    Timestamp, ToSpan as _,
    civil::{Date, Time},
};

use super::{from_london, to_london};

/// Local time at which the print run of a day starts.
const DEADLINE: Time = Time::constant(17, 30, 0, 0);

/// Returns the local day whose print run takes a letter that was created at this time.
pub fn print_day(created_at: Timestamp) -> Date {
    let created = to_london(created_at).datetime();
    // A letter of exactly 17:30:00 is too late for the run that starts at this moment.
    if created.time() < DEADLINE {
        created.date()
    } else {
        created.date().saturating_add(1.day())
    }
}

/// Returns the moment at which the print run of a local day starts. It takes what was created before.
pub fn deadline_of(day: Date) -> Timestamp {
    from_london(day.to_datetime(DEADLINE))
}

/// Returns the last deadline that has passed: today's, or yesterday's before half past five.
pub fn last_deadline(now: Timestamp) -> Timestamp {
    // What is created now is printed a day after the last run.
    deadline_of(print_day(now).saturating_sub(1.day()))
}

/// Returns the local day whose print run took a letter, or `None` if that run has not started and the letter can still
/// be cancelled.
pub fn printing_started(created_at: Timestamp, now: Timestamp) -> Option<Date> {
    let day = print_day(created_at);
    (now >= deadline_of(day)).then_some(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

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
            let started = printing_started(moment(created), moment(now));
            let started = started.map(|day| day.to_string()).unwrap_or_default();
            assert_eq!(started, day, "{created} {now}");
        }
    }

    #[test]
    fn a_run_after_midnight_has_the_deadline_of_yesterday() {
        for (now, deadline) in [
            ("2026-02-04T17:30:00Z", "2026-02-04T17:30:00Z"),
            ("2026-02-04T17:29:59.999999Z", "2026-02-03T17:30:00Z"),
            ("2026-02-05T00:10:00Z", "2026-02-04T17:30:00Z"),
            ("2026-07-04T16:50:00Z", "2026-07-04T16:30:00Z"),
            // Clocks go forward on 29 March and back on 25 October: the deadline stays at half past five.
            ("2026-03-29T12:00:00Z", "2026-03-28T17:30:00Z"),
            ("2026-03-29T16:30:00Z", "2026-03-29T16:30:00Z"),
            ("2026-10-25T17:00:00Z", "2026-10-24T16:30:00Z"),
        ] {
            assert_eq!(last_deadline(moment(now)), moment(deadline), "{now}");
        }
    }

    #[test]
    fn the_ends_of_time_have_a_deadline() {
        for end in [Timestamp::MIN, Timestamp::MAX] {
            last_deadline(end);
            printing_started(end, end);
        }
    }
}
