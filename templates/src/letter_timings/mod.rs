//! When a letter is printed, when it arrives, until when it can be cancelled (`docs/spec/templates.md` §12).
//!
//! All of it happens on London's clocks, and comes out in UTC. The seconds of the upload stay in every answer, as they
//! do at the model of this service.

mod cancelling;
mod london;
mod working_days;

use std::{collections::HashMap, sync::LazyLock};

use domain::Postage;
use jiff::{Timestamp, ToSpan, civil::Date};
use serde::Deserialize;

pub use cancelling::{can_be_cancelled, is_too_late_to_cancel};
pub use london::{NotATime, from_london, set_hour, to_london, utc_from_text};
pub use working_days::{Calendar, Division, is_bank_holiday};

/// The hour by which letters are printed.
const PRINT_HOUR: i8 = 15;

/// The hour by which letters are delivered.
const DELIVERY_HOUR: i8 = 16;

/// How long before midnight the day's letters are handed over: an upload from 17:30 on belongs to the next day.
const BEFORE_MIDNIGHT_MINUTES: i64 = 6 * 60 + 30;

/// Returns how many working days the post takes, at least and at most, not counting the day on which it takes the letter.
pub fn days_in_transit(postage: Postage) -> (u16, u16) {
    DAYS_IN_TRANSIT[&postage]
}

/// `days_in_transit` of `content_constants.json`.
static DAYS_IN_TRANSIT: LazyLock<HashMap<Postage, (u16, u16)>> = LazyLock::new(|| {
    let constants: Constants =
        serde_json::from_str(include_str!("../../data/content_constants.json"))
            .expect("the constants have the days in transit");
    let days = |postage: Postage| (postage, constants.days_in_transit[postage.as_str()]);
    Postage::ALL.iter().copied().map(days).collect()
});

#[derive(Deserialize)]
struct Constants {
    days_in_transit: HashMap<String, (u16, u16)>,
}

/// When a letter is printed and when it arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timings {
    /// The letter is with the post by then.
    pub printed_by: Timestamp,
    /// It does not arrive before.
    pub earliest_delivery: Timestamp,
    /// It has arrived by then.
    pub latest_delivery: Timestamp,
}

impl Timings {
    /// Those of a letter that was uploaded at this moment (`docs/spec/templates.md` §12.2).
    pub fn of(upload: Timestamp, postage: Postage) -> Self {
        let uploaded = to_london(upload).datetime();
        // The shift is one of the clock's hands: that the clocks change meanwhile does not count.
        let handed_over = uploaded.saturating_add(BEFORE_MIDNIGHT_MINUTES.minutes());
        let print_day = Calendar::Dvla.next_working_day(handed_over.date());
        let delivery = Delivery::of(print_day, postage);
        let on = |day: Date, hour| {
            let (second, fraction) = (uploaded.second(), uploaded.subsec_nanosecond());
            from_london(day.at(hour, 0, second, fraction))
        };
        Self {
            printed_by: on(print_day, PRINT_HOUR),
            earliest_delivery: on(delivery.earliest, DELIVERY_HOUR),
            latest_delivery: on(delivery.latest, DELIVERY_HOUR),
        }
    }

    /// Whether the letter is printed: later than [`Timings::printed_by`].
    pub fn is_printed(&self, now: Timestamp) -> bool {
        now > self.printed_by
    }
}

/// The days on which a letter can arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// The first of them.
    pub earliest: Date,
    /// The last of them.
    pub latest: Date,
}

impl Delivery {
    /// Those of a letter that is printed on this day (`docs/spec/templates.md` §12.2, step 4).
    pub fn of(print_day: Date, postage: Postage) -> Self {
        let (fewest, most) = days_in_transit(postage);
        let after = |days| Calendar::RoyalMail(postage).days_after(print_day, 1 + days);
        Self {
            earliest: after(fewest),
            latest: after(most),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Timestamp {
        utc_from_text(text).expect("a moment")
    }

    #[test]
    fn a_letter_uploaded_from_half_past_five_is_printed_a_day_later() {
        // Wednesday, in summer time.
        for (upload, printed_by) in [
            ("2025-07-02T16:29:59", "2025-07-03T14:00:59"),
            ("2025-07-02T16:30:00.5", "2025-07-04T14:00:00.5"),
            // Friday evening: Saturday's letters are printed on Monday.
            ("2025-07-04T16:30", "2025-07-07T14:00"),
        ] {
            let timings = Timings::of(moment(upload), Postage::Second);
            assert_eq!(timings.printed_by, moment(printed_by), "{upload}");
        }
    }

    #[test]
    fn first_class_letters_are_delivered_on_saturdays() {
        let friday = Date::constant(2025, 7, 4);
        let delivery = Delivery::of(friday, Postage::First);
        assert_eq!(delivery.earliest, Date::constant(2025, 7, 5));
        let delivery = Delivery::of(friday, Postage::Economy);
        assert_eq!(
            (delivery.earliest, delivery.latest),
            (Date::constant(2025, 7, 10), Date::constant(2025, 7, 15))
        );
    }

    #[test]
    fn the_ends_of_time_do_no_harm() {
        for moment in [Timestamp::MIN, Timestamp::MAX] {
            let timings = Timings::of(moment, Postage::RestOfWorld);
            assert!(timings.earliest_delivery <= timings.latest_delivery);
        }
    }
}
