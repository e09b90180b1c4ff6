//! London time (`docs/spec/templates.md` §12.5).

use std::sync::LazyLock;

use jiff::{
    Timestamp, ZonedDateTime,
    civil::{Date, DateTime},
    tz::{TimeZone, TimeZoneDatabase},
};

/// Europe/London, from the time zone data compiled into the program.
static LONDON: LazyLock<TimeZone> = LazyLock::new(|| {
    // Not the machine's tables: the same moment must give the same day on every machine.
    TimeZoneDatabase::bundled()
        .get("Europe/London")
        .expect("the bundled tables have London")
});

/// Converts a moment to local time in London.
pub fn to_london(moment: Timestamp) -> ZonedDateTime {
    moment.to_zoned_datetime(LONDON.clone())
}

/// Converts a local time in London to the moment it denotes.
///
/// An ambiguous time, when clocks go back, is the first of the two; a time skipped when clocks go forward uses the
/// offset before the change. Out of range, it is the first or last representable moment.
pub fn from_london(shown: DateTime) -> Timestamp {
    // Dates come from requests too, so one that is out of range is no reason to panic.
    LONDON.to_timestamp(shown).unwrap_or_else(|_| {
        if shown.year() < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        }
    })
}

/// Sets London's local time to this full hour (0–23) of the same day, keeping the seconds.
pub fn set_hour(moment: Timestamp, hour: i8) -> Result<Timestamp, InvalidTime> {
    let shown = to_london(moment).datetime();
    let set = shown.with().hour(hour).minute(0).build();
    set.map(from_london).map_err(|_| InvalidTime)
}

/// A text or a number that is not a valid time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time")]
pub struct InvalidTime;

/// Parses a date, or a date and time separated by `T` or a space, with or without hyphens and colons, as UTC.
pub fn utc_from_text(text: &str) -> Result<Timestamp, InvalidTime> {
    // An offset is ignored, not applied: `12:00+05:00` is 12:00 UTC. The contract requires this.
    let text = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    let read: DateTime = text
        .parse()
        .or_else(|_| text.parse::<Date>().map(|day| day.at(0, 0, 0, 0)))
        .map_err(|_| InvalidTime)?;
    TimeZone::UTC.to_timestamp(read).map_err(|_| InvalidTime)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> Timestamp {
        utc_from_text(text).expect("a moment")
    }

    #[test]
    fn common_ways_to_write_a_time_are_read() {
        let noon: Timestamp = "2025-07-15T12:00:00Z".parse().expect("a moment");
        for text in [
            "2025-07-15T12:00:00",
            "2025-07-15 12:00",
            "2025-07-15T12:00:00.000",
            "2025-07-15T12:00:00Z",
            "2025-07-15T12:00:00+05:00",
            "20250715T1200",
            "20250715T120000",
        ] {
            assert_eq!(utc_from_text(text), Ok(noon), "{text}");
        }
        assert_eq!(utc("2025-07-15"), utc("2025-07-15T00:00"));
        for text in ["", "Z", "tomorrow", "2025-02-30", "2025-07-15T25:00"] {
            assert_eq!(utc_from_text(text), Err(InvalidTime), "{text}");
        }
    }

    #[test]
    fn clocks_that_change_are_read_as_if_they_had_not_yet() {
        let from = |text: &str| from_london(text.parse().expect("a time"));
        assert_eq!(from("2025-10-26T01:30"), utc("2025-10-26T00:30"));
        assert_eq!(from("2025-03-30T01:30"), utc("2025-03-30T01:30"));
        assert_eq!(from("2025-07-01T00:30"), utc("2025-06-30T23:30"));
    }

    #[test]
    fn an_hour_is_set_on_the_london_day() {
        let late = utc("2025-06-30T23:30:07.5");
        assert_eq!(set_hour(late, 0), Ok(utc("2025-06-30T23:00:07.5")));
        assert_eq!(set_hour(late, 24), Err(InvalidTime));
    }
}
