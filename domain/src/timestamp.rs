use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// Moment in UTC with microsecond precision, the precision of both databases and of the API.
///
/// Text form: `2026-03-02T10:00:00.000000Z` (`docs/spec/workers.md` §1.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Creates a timestamp from microseconds since the Unix epoch.
    pub const fn from_unix_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Creates a timestamp from whole seconds since the Unix epoch.
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(MICROS_PER_SECOND))
    }

    /// Returns the microseconds since the Unix epoch.
    pub const fn unix_micros(self) -> i64 {
        self.0
    }

    /// Returns the milliseconds since the Unix epoch, rounded down; ids contain this value.
    pub const fn unix_millis(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Returns the seconds since the Unix epoch, rounded down.
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(MICROS_PER_SECOND)
    }

    /// Returns the moment `duration` later, at most the largest representable one.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)),
        )
    }

    /// Returns the moment `duration` earlier, at least the smallest representable one.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)),
        )
    }

    /// Returns the time elapsed since `earlier`, or zero if `earlier` is later than this moment.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Returns the UTC day that contains this moment.
    pub const fn utc_day(self) -> UtcDay {
        UtcDay(self.0.div_euclid(MICROS_PER_DAY))
    }
}

/// A text that is not a timestamp.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time such as 2026-03-02T10:00:00Z")]
pub struct InvalidTimestamp(String);

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    /// Parses RFC 3339. A time without an offset is UTC, as everywhere in the interfaces; a date alone is its
    /// midnight.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = text
            .parse::<jiff::Timestamp>()
            // Tried second: a time with an offset must not be read as UTC.
            .or_else(|_| text.parse::<jiff::civil::DateTime>().and_then(in_utc));
        read.map(|moment| Self(moment.as_microsecond()))
            .map_err(|_| InvalidTimestamp(text.to_owned()))
    }
}

fn in_utc(local: jiff::civil::DateTime) -> Result<jiff::Timestamp, jiff::Error> {
    jiff::tz::Offset::UTC.to_timestamp(local)
}

impl fmt::Display for Timestamp {
    /// Writes the text form. A moment outside the range of the calendar is written as the nearest one inside.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The nearest moment that the calendar can express: formatting must never fail.
        let end = if self.0 < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        };
        let moment = jiff::Timestamp::from_microsecond(self.0).unwrap_or(end);
        let civil = jiff::tz::Offset::UTC.to_datetime(moment);
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
            civil.year(),
            civil.month(),
            civil.day(),
            civil.hour(),
            civil.minute(),
            civil.second(),
            // `rem_euclid`, because before 1970 the remainder would be negative.
            moment.as_microsecond().rem_euclid(MICROS_PER_SECOND)
        )
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// Day in UTC, the unit of partitions and daily quotas (`docs/spec/public-api.md` §4). Days for billing are local
/// days.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcDay(i64);

impl UtcDay {
    /// Creates a day from the number of days since 1 January 1970, which is how a day is stored.
    pub const fn from_number(days: i64) -> Self {
        Self(days)
    }

    /// Returns the days since 1 January 1970.
    pub const fn number(self) -> i64 {
        self.0
    }

    /// Returns the first moment of the day.
    pub const fn start(self) -> Timestamp {
        Timestamp(self.0.saturating_mul(MICROS_PER_DAY))
    }

    /// Returns the day `days` later; a negative number goes back.
    #[must_use]
    pub const fn plus_days(self, days: i64) -> Self {
        Self(self.0.saturating_add(days))
    }
}

impl fmt::Display for UtcDay {
    /// Writes the form `2026-03-02`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            self.start()
                .to_string()
                .split('T')
                .next()
                .unwrap_or_default(),
        )
    }
}

impl fmt::Debug for UtcDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_with_six_digits_and_a_z() {
        let moment: Timestamp = "2026-03-02T10:00:00.000123Z".parse().unwrap();
        assert_eq!(moment.to_string(), "2026-03-02T10:00:00.000123Z");
        assert_eq!(moment.utc_day().to_string(), "2026-03-02");
    }

    #[test]
    fn a_time_without_a_zone_is_utc_and_a_date_is_its_midnight() {
        assert_eq!(
            "2026-03-02T10:00:00".parse(),
            Ok(Timestamp::from_unix_seconds(1_772_445_600))
        );
        assert_eq!(
            "2026-03-02".parse::<Timestamp>().unwrap().to_string(),
            "2026-03-02T00:00:00.000000Z"
        );
        assert!("tomorrow".parse::<Timestamp>().is_err());
    }

    #[test]
    fn a_moment_outside_the_calendar_is_written_as_its_nearest_end() {
        let latest = Timestamp::from_unix_micros(i64::MAX);
        assert_eq!(latest.to_string(), "9999-12-30T22:00:00.999999Z");
        let earliest = Timestamp::from_unix_micros(i64::MIN);
        assert!(earliest.to_string().starts_with("-9999-"), "{earliest}");
        assert_eq!(UtcDay::from_number(i64::MAX).start(), latest);
        assert_eq!(
            UtcDay::from_number(i64::MAX).plus_days(1).number(),
            i64::MAX
        );
    }

    #[test]
    fn times_before_1970_round_down() {
        let moment = Timestamp::from_unix_micros(-1);
        assert_eq!(
            (
                moment.unix_millis(),
                moment.unix_seconds(),
                moment.utc_day().number()
            ),
            (-1, -1, -1)
        );
    }
}
