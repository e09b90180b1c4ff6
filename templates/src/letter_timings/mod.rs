//! Times at which a letter is printed, arrives, and can no longer be cancelled (`docs/spec/templates.md` §12).
//!
//! They are computed in London's local time and returned in UTC.

mod deadline;
mod london;
mod working_days;

use std::{collections::HashMap, sync::LazyLock};

use domain::Postage;
use jiff::{Timestamp, civil::Date};
use serde::Deserialize;

pub use deadline::{deadline_of, last_deadline, print_day, printing_started};
pub use london::{InvalidTime, from_london, set_hour, to_london, utc_from_text};
pub use working_days::{Calendar, Division, is_bank_holiday};

/// Hour by which letters are printed.
const PRINT_HOUR: i8 = 15;

/// Hour by which letters are delivered.
const DELIVERY_HOUR: i8 = 16;

/// Returns the minimum and maximum number of working days in the post, not counting the day of posting.
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

/// Expected times of printing and delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timings {
    /// Latest time of printing.
    pub printed_by: Timestamp,
    /// Earliest time of delivery.
    pub earliest_delivery: Timestamp,
    /// Latest time of delivery.
    pub latest_delivery: Timestamp,
}

impl Timings {
    /// Returns the timings of a letter uploaded at this moment (`docs/spec/templates.md` §12.2).
    pub fn of(upload: Timestamp, postage: Postage) -> Self {
        let uploaded = to_london(upload).datetime();
        // Handed over in the evening, printed on the working day after.
        let print_day = Calendar::Dvla.next_working_day(print_day(upload));
        let delivery = Delivery::of(print_day, postage);
        let on = |day: Date, hour| {
            // The seconds of the upload are kept in every result, as the contract requires.
            let (second, fraction) = (uploaded.second(), uploaded.subsec_nanosecond());
            from_london(day.at(hour, 0, second, fraction))
        };
        Self {
            printed_by: on(print_day, PRINT_HOUR),
            earliest_delivery: on(delivery.earliest, DELIVERY_HOUR),
            latest_delivery: on(delivery.latest, DELIVERY_HOUR),
        }
    }

    /// Returns whether `now` is after [`Timings::printed_by`].
    pub fn is_printed(&self, now: Timestamp) -> bool {
        now > self.printed_by
    }
}

/// Range of days on which a letter can arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// First day.
    pub earliest: Date,
    /// Last day.
    pub latest: Date,
}

impl Delivery {
    /// Returns the delivery days of a letter printed on this day (`docs/spec/templates.md` §12.2, step 4).
    pub fn of(print_day: Date, postage: Postage) -> Self {
        let (fewest, most) = days_in_transit(postage);
        // The day after printing is the day of posting, which does not count as transit.
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
