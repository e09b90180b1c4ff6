//! Working days of the print provider and the post (`docs/spec/templates.md` §12.1).

use std::{
    collections::{HashMap, HashSet},
    num::NonZeroI32,
    sync::LazyLock,
};

use jiff::civil::{Date, Weekday};
use serde::Deserialize;

use domain::Postage;

/// An organisation's working days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calendar {
    /// The print provider.
    Dvla,
    /// The post, which delivers first class letters on Saturdays too.
    RoyalMail(Postage),
}

/// Part of the United Kingdom with its own bank holidays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Division {
    /// England and Wales, whose bank holidays apply to print provider and post everywhere.
    EnglandAndWales,
    /// Scotland.
    Scotland,
    /// Northern Ireland.
    NorthernIreland,
}

/// `bank_holidays.json`: the years 2018 to 2027.
static BANK_HOLIDAYS: LazyLock<HashMap<Division, HashSet<Date>>> = LazyLock::new(|| {
    let table: BankHolidays = serde_json::from_str(include_str!("../../data/bank_holidays.json"))
        .expect("the table of bank holidays has the shape that its README gives");
    let dates = |days: Vec<BankHoliday>| {
        days.into_iter()
            .map(|day| day.date.parse().expect("a date"))
            .collect()
    };
    table
        .divisions
        .into_iter()
        .map(|(division, days)| (division, dates(days)))
        .collect()
});

#[derive(Deserialize)]
struct BankHolidays {
    divisions: HashMap<Division, Vec<BankHoliday>>,
}

#[derive(Deserialize)]
struct BankHoliday {
    date: String,
}

/// Returns whether a day is a bank holiday. Years before 2018 and after 2027 have none.
pub fn is_bank_holiday(division: Division, day: Date) -> bool {
    BANK_HOLIDAYS[&division].contains(&day)
}

impl Calendar {
    /// Returns whether the day is a working day.
    pub fn is_working_day(self, day: Date) -> bool {
        let is_weekend = match (self, day.weekday()) {
            (_, Weekday::Sunday) => true,
            (Self::RoyalMail(Postage::First), Weekday::Saturday) => false,
            (_, weekday) => weekday == Weekday::Saturday,
        };
        // The holidays of England and Wales count whatever the address (`docs/spec/templates.md` §12.1).
        !is_weekend && !is_bank_holiday(Division::EnglandAndWales, day)
    }

    /// Returns the first working day after `day`.
    pub fn next_working_day(self, day: Date) -> Date {
        self.days_after(day, 1)
    }

    /// Returns the last working day before `day`.
    pub fn previous_working_day(self, day: Date) -> Date {
        const BACK: NonZeroI32 = NonZeroI32::new(-1).expect("not zero");
        self.offset(day, BACK)
    }

    /// Returns the day that is `days` working days after `day`, or before it if negative. `day` itself does not
    /// count. Out of range, it is the first or last representable day.
    pub fn offset(self, day: Date, days: NonZeroI32) -> Date {
        let step = |day: Date| {
            if days.is_positive() {
                day.tomorrow()
            } else {
                day.yesterday()
            }
        };
        let (mut day, mut left) = (day, days.unsigned_abs().get());
        while left > 0 {
            // The calendar ends here.
            let Ok(next) = step(day) else {
                return day;
            };
            day = next;
            left -= u32::from(self.is_working_day(day));
        }
        day
    }

    pub(super) fn days_after(self, day: Date, days: u16) -> Date {
        NonZeroI32::new(days.into()).map_or(day, |days| self.offset(day, days))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bank_holidays_and_weekends_are_passed_over() {
        let thursday = Date::constant(2025, 4, 17);
        let tuesday = Date::constant(2025, 4, 22);
        assert_eq!(Calendar::Dvla.next_working_day(thursday), tuesday);
        assert_eq!(Calendar::Dvla.previous_working_day(tuesday), thursday);
        let first = Calendar::RoyalMail(Postage::First);
        assert_eq!(
            first.next_working_day(thursday),
            Date::constant(2025, 4, 19)
        );
        let day_before_last = NonZeroI32::new(-2).expect("not zero");
        assert_eq!(first.offset(tuesday, day_before_last), thursday);
        assert!(is_bank_holiday(
            Division::Scotland,
            Date::constant(2025, 12, 1)
        ));
        assert!(!is_bank_holiday(
            Division::Scotland,
            Date::constant(2025, 4, 21)
        ));
    }
}
