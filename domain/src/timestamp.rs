use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// A moment in UTC with microseconds: what PostgreSQL keeps, what SQLite is given, what the API writes.
///
/// Text form: `2026-03-02T10:00:00.000000Z` (`docs/spec/workers.md` §1.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From microseconds since the Unix epoch.
    pub const fn from_unix_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From whole seconds since the Unix epoch.
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(MICROS_PER_SECOND))
    }

    /// Microseconds since the Unix epoch.
    pub const fn unix_micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since the Unix epoch, rounded down: the time in an id.
    pub const fn unix_millis(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Seconds since the Unix epoch, rounded down.
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(MICROS_PER_SECOND)
    }

    /// This moment and so much later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)),
        )
    }

    /// This moment less so much.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)),
        )
    }

    /// How long after `earlier` this is; nothing if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The UTC day this is in.
    pub const fn utc_day(self) -> UtcDay {
        UtcDay(self.0.div_euclid(MICROS_PER_DAY))
    }
}

/// A text that is no moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time such as 2026-03-02T10:00:00Z")]
pub struct InvalidTimestamp(String);

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    /// Reads RFC 3339; a time without a zone is UTC, as everywhere in the interfaces; a date alone is its midnight.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = text
            .parse::<jiff::Timestamp>()
            .or_else(|_| text.parse::<jiff::civil::DateTime>().and_then(in_utc));
        read.map(|moment| Self(moment.as_microsecond()))
            .map_err(|_| InvalidTimestamp(text.to_owned()))
    }
}

fn in_utc(local: jiff::civil::DateTime) -> Result<jiff::Timestamp, jiff::Error> {
    jiff::tz::Offset::UTC.to_timestamp(local)
}

impl fmt::Display for Timestamp {
    /// A moment beyond the ends of the calendar is written as its end: writing one must never fail.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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

/// A day in UTC: what partitions and the limits of the API go by (`docs/spec/public-api.md` §4). Days for billing are
/// local.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcDay(i64);

impl UtcDay {
    /// From the number of days since 1 January 1970, which is how a day is stored.
    pub const fn from_number(days: i64) -> Self {
        Self(days)
    }

    /// Days since 1 January 1970.
    pub const fn number(self) -> i64 {
        self.0
    }

    /// The first moment of the day.
    pub const fn start(self) -> Timestamp {
        Timestamp(self.0.saturating_mul(MICROS_PER_DAY))
    }

    /// The day after `days` more; negative goes back.
    #[must_use]
    pub const fn plus_days(self, days: i64) -> Self {
        Self(self.0.saturating_add(days))
    }
}

impl fmt::Display for UtcDay {
    /// `2026-03-02`
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
    fn a_moment_beyond_the_calendar_is_written_as_its_end() {
        let ever = Timestamp::from_unix_micros(i64::MAX);
        assert_eq!(ever.to_string(), "9999-12-30T22:00:00.999999Z");
        let never = Timestamp::from_unix_micros(i64::MIN);
        assert!(never.to_string().starts_with("-9999-"), "{never}");
        assert_eq!(UtcDay::from_number(i64::MAX).start(), ever);
        assert_eq!(
            UtcDay::from_number(i64::MAX).plus_days(1).number(),
            i64::MAX
        );
    }

    #[test]
    fn moments_before_the_epoch_round_down() {
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
