//! Values of cells as people see them.

use std::borrow::Cow;

use calamine::{DataType, ExcelDateTime};

/// How a program shows a number that has more digits than it can keep.
const SIGNIFICANT_DIGITS: usize = 15;

/// Returns the value as text; an empty one for an empty cell.
pub(super) fn shown(value: &impl DataType) -> Cow<'_, str> {
    if let Some(text) = value.get_string() {
        return Cow::Borrowed(text);
    }
    if let Some(number) = value.get_float() {
        return Cow::Owned(number_text(number));
    }
    if let Some(number) = value.get_int() {
        return Cow::Owned(number.to_string());
    }
    if let Some(flag) = value.get_bool() {
        return Cow::Borrowed(bool_text(flag));
    }
    if let Some(moment) = value.get_datetime() {
        return Cow::Owned(moment_text(moment));
    }
    if let Some(text) = value.get_datetime_iso() {
        return Cow::Owned(iso_moment_text(text));
    }
    if let Some(text) = value.get_duration_iso() {
        return Cow::Borrowed(text);
    }
    value
        .get_error()
        .map_or(Cow::Borrowed(""), |error| Cow::Owned(error.to_string()))
}

pub(super) fn bool_text(flag: bool) -> &'static str {
    if flag { "TRUE" } else { "FALSE" }
}

/// Formats a number as people write it: `7`, `0.3`, never `7.0` or `0.30000000000000004`.
pub(super) fn number_text(number: f64) -> String {
    let rounded = format!("{number:.*e}", SIGNIFICANT_DIGITS - 1)
        .parse()
        .unwrap_or(number);
    // There is no negative zero on a sheet.
    (rounded + 0.0_f64).to_string()
}

/// Formats a time: `2026-11-24`, `2026-11-24 09:30` or `2026-11-24 09:30:05` of `2026-11-24T09:30:05.000`.
pub(super) fn iso_moment_text(text: &str) -> String {
    let Some((date, time)) = text.split_once('T') else {
        return text.to_owned();
    };
    let time = time.split(['.', 'Z', '+']).next().unwrap_or_default();
    match time.strip_suffix(":00").unwrap_or(time) {
        "00:00" | "" => date.to_owned(),
        time => format!("{date} {time}"),
    }
}

fn moment_text(moment: ExcelDateTime) -> String {
    if moment.is_duration() {
        return duration_text(moment.as_f64());
    }
    let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
    let time = match second {
        0 => format!("{hour:02}:{minute:02}"),
        _ => format!("{hour:02}:{minute:02}:{second:02}"),
    };
    if (0.0..1.0).contains(&moment.as_f64()) {
        // Less than a day since the beginning is a time of day.
        return time;
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    if time == "00:00" {
        date
    } else {
        format!("{date} {time}")
    }
}

/// Formats a number of days as hours, minutes and seconds: `26:30:00`.
fn duration_text(days: f64) -> String {
    const MOST_SECONDS: f64 = 1e15;
    let seconds = (days.abs() * 86_400.0).round().min(MOST_SECONDS);
    let sign = if days < 0.0 { "-" } else { "" };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is whole, positive and limited above"
    )]
    let seconds = seconds as u64;
    format!(
        "{sign}{}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

#[cfg(test)]
mod tests {
    use calamine::{CellErrorType, Data, ExcelDateTimeType};

    use super::*;

    #[test]
    fn values_are_shown_as_on_the_sheet() {
        let moment = |days, kind| Data::DateTime(ExcelDateTime::new(days, kind, false));
        for (value, text) in [
            (Data::Float(7_900_900_123.0), "7900900123"),
            (Data::Float(0.1 + 0.2), "0.3"),
            (Data::Float(-0.0), "0"),
            (Data::Float(1e21), "1000000000000000000000"),
            (Data::Int(-3), "-3"),
            (Data::Bool(true), "TRUE"),
            (Data::Error(CellErrorType::Ref), "#REF!"),
            (Data::Empty, ""),
            (Data::String(" as it is ".to_owned()), " as it is "),
            (moment(46_350.0, ExcelDateTimeType::DateTime), "2026-11-24"),
            (
                moment(46_350.5, ExcelDateTimeType::DateTime),
                "2026-11-24 12:00",
            ),
            (moment(0.25, ExcelDateTimeType::DateTime), "06:00"),
            (moment(1.25, ExcelDateTimeType::TimeDelta), "30:00:00"),
            (
                Data::DateTimeIso("2026-11-24T09:30:05.000Z".to_owned()),
                "2026-11-24 09:30:05",
            ),
            (
                Data::DateTimeIso("2026-11-24T00:00:00".to_owned()),
                "2026-11-24",
            ),
        ] {
            assert_eq!(shown(&value), text);
        }
    }
}
