//! Parses ISO 8601 times as Python does (`docs/spec/public-api.md` §5.6): more forms than RFC 3339 has, and an offset that
//! is ignored.

use std::time::Duration;

use domain::Timestamp;

const SECONDS_A_DAY: i64 = 86_400;

/// Parses a date, or a date, any one character and a time. The local time is taken for UTC.
pub(super) fn civil_time(text: &str) -> Option<Timestamp> {
    let (date, rest) = date(text)?;
    let mut rest = rest.chars();
    match rest.next() {
        None => Some(date),
        Some(_) => Some(date.plus(time(rest.as_str())?)),
    }
}

/// Parses the date that a text begins with, with or without dashes. Returns the rest of the text too.
fn date(text: &str) -> Option<(Timestamp, &str)> {
    let (year, rest) = digits(text, 4)?;
    // Python's calendar begins with year 1.
    if year == 0 {
        return None;
    }
    let bare = rest.strip_prefix('-');
    let (has_dashes, rest) = (bare.is_some(), bare.unwrap_or(rest));
    if let Some(rest) = rest.strip_prefix('W') {
        return week_date(year, rest, has_dashes);
    }
    let (month, rest) = digits(rest, 2)?;
    let rest = if has_dashes {
        rest.strip_prefix('-')?
    } else {
        rest
    };
    let (day, rest) = digits(rest, 2)?;
    let date = format!("{year:04}-{month:02}-{day:02}").parse().ok()?;
    Some((date, rest))
}

/// Parses a week date; without a day of the week it is the Monday.
fn week_date(year: u32, rest: &str, has_dashes: bool) -> Option<(Timestamp, &str)> {
    let (week, rest) = digits(rest, 2)?;
    let named = if has_dashes {
        rest.strip_prefix('-')
    } else {
        Some(rest)
    };
    let (day, rest) = named.and_then(|rest| digits(rest, 1)).unwrap_or((1, rest));
    if !(1..=53).contains(&week) || !(1..=7).contains(&day) {
        return None;
    }
    // Week 1 contains 4 January, and a week belongs to the year of its Thursday.
    let fourth: Timestamp = format!("{year:04}-01-04").parse().ok()?;
    let fourth = fourth.unix_seconds() / SECONDS_A_DAY;
    let monday = fourth - (fourth + 3).rem_euclid(7) + 7 * (i64::from(week) - 1);
    let at = |day: i64| Timestamp::from_unix_seconds(day * SECONDS_A_DAY);
    let is_of_year = at(monday + 3)
        .to_string()
        .starts_with(&format!("{year:04}-"));
    is_of_year.then(|| (at(monday + i64::from(day) - 1), rest))
}

/// Parses a time of day with an optional offset, and returns the time since midnight.
fn time(text: &str) -> Option<Duration> {
    let (clock_face, zone) = text.split_at(text.find(['+', '-', 'Z']).unwrap_or(text.len()));
    let is_zone = match zone.split_at_checked(1) {
        None | Some(("Z", "")) => true,
        Some(("Z", _)) => false,
        // Parsed only to be refused if it is wrong, as Python does: its value is dropped.
        Some((_, offset)) => since_midnight(clock(offset)?) < Duration::from_hours(24),
    };
    let read @ [hours, minutes, seconds, _] = clock(clock_face)?;
    // No leap second: Python refuses a second 60.
    (is_zone && hours < 24 && minutes < 60 && seconds < 60).then(|| since_midnight(read))
}

fn since_midnight([hours, minutes, seconds, micros]: [u32; 4]) -> Duration {
    let seconds = (u64::from(hours) * 60 + u64::from(minutes)) * 60 + u64::from(seconds);
    Duration::from_secs(seconds) + Duration::from_micros(micros.into())
}

/// Parses hours, minutes, seconds and microseconds, of which the last can be missing, with colons or without. A fraction
/// is one of a second, whatever it follows.
fn clock(text: &str) -> Option<[u32; 4]> {
    let (hours, mut rest) = digits(text, 2)?;
    let mut read = [hours, 0, 0, 0];
    let has_colons = rest.starts_with(':');
    for part in &mut read[1..3] {
        if rest.is_empty() || rest.starts_with(['.', ',']) {
            break;
        }
        if has_colons {
            rest = rest.strip_prefix(':')?;
        }
        (*part, rest) = digits(rest, 2)?;
    }
    if rest.is_empty() {
        return Some(read);
    }
    let fraction = rest.strip_prefix(['.', ','])?;
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Python reads six digits and ignores the rest.
    let micros = format!("{fraction:0<6}");
    read[3] = micros[..6].parse().ok()?;
    Some(read)
}

fn digits(text: &str, count: usize) -> Option<(u32, &str)> {
    let (number, rest) = text.split_at_checked(count)?;
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| Some((number.parse().ok()?, rest)))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_parsed_as_python_does() {
        for (text, read) in [
            ("2026-03-02", "2026-03-02T00:00:00.000000Z"),
            ("20260302", "2026-03-02T00:00:00.000000Z"),
            ("2026-W10-1", "2026-03-02T00:00:00.000000Z"),
            ("2026-W10", "2026-03-02T00:00:00.000000Z"),
            ("2026W102T10", "2026-03-03T10:00:00.000000Z"),
            ("2026-W53-7", "2027-01-03T00:00:00.000000Z"),
            ("2026-03-02T10", "2026-03-02T10:00:00.000000Z"),
            ("2026-03-02 10:05", "2026-03-02T10:05:00.000000Z"),
            ("2026-03-02x10:05:06", "2026-03-02T10:05:06.000000Z"),
            ("20260302é100506,5", "2026-03-02T10:05:06.500000Z"),
            (
                "2026-03-02T10:05:06.1234567Z",
                "2026-03-02T10:05:06.123456Z",
            ),
            ("2026-03-02T10:05.25", "2026-03-02T10:05:00.250000Z"),
            ("2026-03-02T10:05+05:30", "2026-03-02T10:05:00.000000Z"),
            ("2026-03-02T1005-23:59:59.9", "2026-03-02T10:05:00.000000Z"),
            ("2026-03-02T10:05+0530", "2026-03-02T10:05:00.000000Z"),
        ] {
            assert_eq!(civil_time(text).unwrap().to_string(), read, "{text}");
        }
    }

    #[test]
    fn what_python_refuses_is_no_time() {
        for text in [
            "",
            "tomorrow",
            "2026",
            "2026-03",
            "2026-0302",
            "202603-02",
            "0000-01-01",
            "2026-02-30",
            "2026-W54-1",
            "2025-W53-1",
            "2026-W10-8",
            "2026-03-02T",
            "2026-03-02T1",
            "2026-03-02T10:",
            "2026-03-02T10:5",
            "2026-03-02T10:0506",
            "2026-03-02T1005:06",
            "2026-03-02T10:05:06.",
            "2026-03-02T24:00",
            "2026-03-02T10:60",
            "2026-03-02T10:05:60",
            "2026-03-02T10:05z",
            "2026-03-02T10:05Z ",
            "2026-03-02T10:05Z+01:00",
            "2026-03-02T10:05+",
            "2026-03-02T10:05+24:00",
            "2026-03-02T10:05[Europe/London]",
            " 2026-03-02",
        ] {
            assert_eq!(civil_time(text), None, "{text}");
        }
    }
}
