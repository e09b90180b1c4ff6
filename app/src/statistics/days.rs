//! The local days that a figure covers.

use jiff::{ToSpan as _, civil::Date};
use store::status_facts::DayRange;

use crate::{App, local_days};

/// A local day.
pub type Day = Date;

/// Parses a day such as 2026-03-02.
pub fn parse_day(text: &str) -> Option<Day> {
    text.parse().ok()
}

/// Some local days in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    first: Date,
    last: Date,
}

/// A month of a financial year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Month {
    /// Year of the calendar.
    pub year: i16,
    /// From 1 for January.
    pub month: i8,
    /// Its days.
    pub days: Days,
}

impl Days {
    /// Returns the days from `first` to `last`, both included, or `None` if they are the wrong way round.
    pub fn between(first: Day, last: Day) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    /// Returns today and as many days before it.
    pub fn until_today(app: &App, before: u32) -> Self {
        let last = local_days::day_of(app, app.clock.now());
        let first = last.saturating_sub(i64::from(before).days());
        Self { first, last }
    }

    /// Returns every day from the first one that there was until today.
    pub fn all(app: &App) -> Self {
        Self {
            first: Date::constant(2000, 1, 1),
            last: local_days::day_of(app, app.clock.now()),
        }
    }

    pub(super) fn one(day: Day) -> Self {
        Self {
            first: day,
            last: day,
        }
    }

    pub(super) fn range(self, app: &App) -> DayRange {
        DayRange {
            first: local_days::number_of(self.first),
            last: local_days::number_of(self.last),
            from: local_days::start_of(app, self.first),
            until: local_days::start_of(app, self.last.saturating_add(1.day())),
        }
    }
}

impl Month {
    /// Returns the months of the financial year that begins in April of `year`; `None` if there is no such year.
    pub fn of_financial_year(year: i16) -> Option<Vec<Self>> {
        let april = Date::new(year, 4, 1).ok()?;
        (0..12)
            .map(|after| {
                let first = april.checked_add(after.months()).ok()?;
                let last = first.last_of_month();
                Some(Self {
                    year: first.year(),
                    month: first.month(),
                    days: Days { first, last },
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_financial_year_has_twelve_months_from_april() {
        let months = Month::of_financial_year(2027).unwrap();
        let named: Vec<_> = months.iter().map(|one| (one.year, one.month)).collect();
        assert_eq!(named.len(), 12);
        assert_eq!(
            (named[0], named[8], named[11]),
            ((2027, 4), (2027, 12), (2028, 3))
        );
        // A leap year.
        assert_eq!(months[10].days.last, Date::constant(2028, 2, 29));
        assert_eq!(Month::of_financial_year(i16::MAX), None);
    }
}
