//! Days as people count them: for retention, billing and statistics a day is a local day, Europe/London unless a setting
//! says otherwise. Nothing else computes one.

use domain::Timestamp;
use jiff::{ToSpan as _, civil::Date};

use crate::App;

/// More days than any date has before it since the year 1.
const MAX_DAYS: u32 = 4_000_000;

/// Returns the number of a day, counted from 1 January 1970, as days are stored.
pub(crate) fn number_of(day: Date) -> i64 {
    const FIRST: Date = Date::constant(1970, 1, 1);
    FIRST
        .until(day)
        .map_or(0, |span| i64::from(span.get_days()))
}

/// Returns the day of a number.
pub(crate) fn day_of_number(number: i64) -> Date {
    Date::constant(1970, 1, 1).saturating_add(number.clamp(-719_000, 2_900_000).days())
}

/// Returns the start of the local day that was `days` days before today.
pub(crate) fn midnight_days_ago(app: &App, days: u32) -> Timestamp {
    let now = jiff::Timestamp::from_microsecond(app.clock.now().unix_micros()).unwrap_or_default();
    let zone = app.settings.time_zone.rules();
    let today = zone.to_datetime(now).date();
    // A span has no room for many more days than the calendar has.
    let then = today.saturating_sub(i64::from(days.min(MAX_DAYS)).days());
    let midnight = zone
        .to_ambiguous_timestamp(then.to_datetime(jiff::civil::Time::midnight()))
        .compatible();
    // Before the calendar begins nothing was accepted.
    midnight.map_or_else(
        |_| Timestamp::default(),
        |midnight| Timestamp::from_unix_micros(midnight.as_microsecond()),
    )
}
