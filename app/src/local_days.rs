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

/// Returns the local day of a moment.
pub(crate) fn day_of(app: &App, time: Timestamp) -> Date {
    let time = jiff::Timestamp::from_microsecond(time.unix_micros()).unwrap_or_default();
    app.settings.time_zone.rules().to_datetime(time).date()
}

/// Returns the start of a local day.
pub(crate) fn start_of(app: &App, day: Date) -> Timestamp {
    let zone = app.settings.time_zone.rules();
    let midnight = zone
        .to_ambiguous_timestamp(day.to_datetime(jiff::civil::Time::midnight()))
        .compatible();
    // Before the calendar begins nothing was accepted.
    midnight.map_or_else(
        |_| Timestamp::default(),
        |midnight| Timestamp::from_unix_micros(midnight.as_microsecond()),
    )
}

/// Returns the start of the local day that was `days` days before today.
pub(crate) fn midnight_days_ago(app: &App, days: u32) -> Timestamp {
    let today = day_of(app, app.clock.now());
    // A span has no room for many more days than the calendar has.
    start_of(
        app,
        today.saturating_sub(i64::from(days.min(MAX_DAYS)).days()),
    )
}
