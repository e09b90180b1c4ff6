//! Numbers that JSON can express but a [`Value`] cannot. The contract follows Python, which keeps every digit of an
//! integer and reads a fraction beyond the largest as infinity (`docs/spec/public-api.md` §5.1, §5.3 and §13.5); a
//! `Value` has 64 bits for the former and rejects the latter.
//!
//! Such a number is replaced by an object with one member before its JSON is parsed, and treated as a number again
//! wherever a value is formatted or its type is checked.

use std::{borrow::Cow, fmt::Write as _};

use serde_json::{Map, Value};

/// Name of the one member. No request can contain it, because NUL is removed from every request
/// (`docs/spec/public-api.md` §25).
const NAME: &str = "\0number";
/// Maximum number of digits of an integer in Python.
const MAX_DIGITS: usize = 4300;
/// Number of digits that always fits 64 bits.
const SAFE_DIGITS: usize = 18;
/// Length of a number without an exponent that is always finite.
const SAFE_LENGTH: usize = 300;

/// An integer has more digits than are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a whole number has more than {MAX_DIGITS} digits")]
pub struct TooManyDigits;

/// Returns Python's notation of the number if the value represents one that a `Value` cannot hold.
pub fn exact_number(value: &Value) -> Option<&str> {
    exact_number_of(value.as_object()?)
}

/// Like [`exact_number`], given the members of an object.
pub fn exact_number_of(members: &Map<String, Value>) -> Option<&str> {
    match members.get(NAME) {
        Some(Value::String(text)) if members.len() == 1 => Some(text),
        _ => None,
    }
}

/// Replaces such numbers in JSON without NUL. Invalid JSON stays invalid.
pub fn keep_numbers(json: &[u8]) -> Result<Cow<'_, [u8]>, TooManyDigits> {
    let (mut kept, mut copied) = (Vec::new(), 0);
    let mut at = 0;
    while at < json.len() {
        match json[at] {
            b'"' => at = end_of_text(json, at + 1),
            b'-' | b'0'..=b'9' => {
                let length = json[at..]
                    .iter()
                    .take_while(|byte| is_of_number(**byte))
                    .count();
                // An object is stored and read like any other value. The `arbitrary_precision` feature of `serde_json` would
                // change the parsing of all JSON.
                if let Some(exact) = exact_text(&json[at..at + length])? {
                    kept.extend_from_slice(&json[copied..at]);
                    kept.extend_from_slice(replacement(&exact).as_bytes());
                    copied = at + length;
                }
                at += length;
            }
            _ => at += 1,
        }
    }
    // Nearly every request: nothing is copied.
    if copied == 0 {
        return Ok(json.into());
    }
    kept.extend_from_slice(&json[copied..]);
    Ok(kept.into())
}

/// Returns the position after a string that has begun.
fn end_of_text(json: &[u8], mut at: usize) -> usize {
    while let Some(found) = json
        .get(at..)
        .and_then(|rest| memchr::memchr2(b'"', b'\\', rest))
    {
        at += found;
        if json[at] == b'"' {
            return at + 1;
        }
        // An escaped character cannot end the string.
        at += 2;
    }
    json.len()
}

fn is_of_number(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')
}

/// Returns the text of a JSON number as a `Value` would show it, or Python's notation if a `Value` cannot hold it.
pub fn number_as_text(number: &str) -> Result<Cow<'_, str>, TooManyDigits> {
    if let Some(exact) = exact_text(number.as_bytes())? {
        return Ok(exact);
    }
    // An integer is written in one way only.
    let is_integer = !number.contains(['.', 'e', 'E']);
    let float = serde_json::from_str::<f64>(number)
        .ok()
        .filter(|_| !is_integer);
    let float = float.and_then(serde_json::Number::from_f64);
    Ok(float.map_or(number.into(), |float| float.to_string().into()))
}

/// Returns Python's notation of a number that a `Value` cannot hold, and `None` of others and of what is no number.
fn exact_text(number: &[u8]) -> Result<Option<Cow<'_, str>>, TooManyDigits> {
    let digits = number.strip_prefix(b"-").unwrap_or(number);
    if !digits.iter().all(u8::is_ascii_digit) {
        return Ok(beyond_the_largest(number).map(Cow::Borrowed));
    }
    // Integers have no negative zero.
    if number == b"-0" {
        return Ok(Some("0".into()));
    }
    // An integer that begins with 0 is invalid JSON, and is left to the parser to reject.
    if digits.len() <= SAFE_DIGITS || digits[0] == b'0' {
        return Ok(None);
    }
    // Python refuses longer ones too, because converting them takes quadratic time.
    if digits.len() > MAX_DIGITS {
        return Err(TooManyDigits);
    }
    let text = String::from_utf8_lossy(number);
    let fits = text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok();
    Ok((!fits).then_some(text))
}

/// Returns infinity for a fraction beyond the largest.
fn beyond_the_largest(number: &[u8]) -> Option<&'static str> {
    let has_exponent = number.iter().any(|byte| matches!(byte, b'e' | b'E'));
    if !has_exponent && number.len() <= SAFE_LENGTH || !is_fraction(number) {
        return None;
    }
    let read: f64 = std::str::from_utf8(number).ok()?.parse().ok()?;
    read.is_infinite()
        .then_some(if read > 0.0 { "inf" } else { "-inf" })
}

/// Returns whether this is a fraction in JSON's syntax; Rust's parser accepts more.
fn is_fraction(number: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(number).is_ok()
}

/// Returns the JSON in the place of a number with this text.
fn replacement(exact: &str) -> Cow<'_, str> {
    // Every `Value` can hold it.
    if exact == "0" {
        return exact.into();
    }
    let mut object = String::with_capacity(exact.len() + 24);
    write!(object, r#"{{"\u0000{}":"{exact}"}}"#, &NAME[1..])
        .expect("a String takes all that is written");
    object.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::python_repr;

    fn read(json: &str) -> Option<Value> {
        serde_json::from_slice(&keep_numbers(json.as_bytes()).ok()?).ok()
    }

    #[test]
    fn a_number_has_the_text_that_its_value_would_have() {
        for (number, text) in [
            ("7", "7"),
            ("-0", "0"),
            ("1.50", "1.5"),
            ("-0.0", "-0.0"),
            ("1e2", "100.0"),
            ("1e999", "inf"),
            ("-1e999", "-inf"),
            ("18446744073709551615", "18446744073709551615"),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567890",
            ),
        ] {
            assert_eq!(number_as_text(number).unwrap(), text);
        }
        assert_eq!(
            number_as_text(&"1".repeat(MAX_DIGITS + 1)),
            Err(TooManyDigits)
        );
    }

    #[test]
    fn every_digit_of_a_whole_number_is_kept() {
        let long = "7".repeat(MAX_DIGITS);
        for number in [
            "18446744073709551616",
            "-9223372036854775809",
            "100000000000000000000000000000000",
            &long,
            &format!("-{long}"),
        ] {
            let value = read(number).unwrap();
            assert_eq!(exact_number(&value), Some(number));
            assert_eq!(python_repr(&value), number);
            let kept = serde_json::to_vec(&value).unwrap();
            assert_eq!(serde_json::from_slice::<Value>(&kept).unwrap(), value);
        }
        assert_eq!(
            keep_numbers(format!("[{long}7]").as_bytes()),
            Err(TooManyDigits)
        );
    }

    #[test]
    fn what_is_beyond_the_largest_fraction_is_infinity() {
        let long = format!("{}.5", "9".repeat(400));
        for (number, shown) in [("1e400", "inf"), ("-1.5E+999", "-inf"), (&long, "inf")] {
            assert_eq!(python_repr(&read(number).unwrap()), shown, "{number}");
        }
    }

    #[test]
    fn what_a_value_can_hold_stays_as_it_is() {
        for json in [
            "18446744073709551615",
            "-9223372036854775808",
            "[1e20, 1e308, -0.0, 1e-400, 0, -7, 0e999]",
            r#"{"18446744073709551616": "1e400 -0 \"18446744073709551616\\"}"#,
        ] {
            assert!(
                matches!(keep_numbers(json.as_bytes()), Ok(Cow::Borrowed(_))),
                "{json}"
            );
        }
        assert_eq!(read("-0").unwrap(), 0);
    }

    #[test]
    fn what_is_no_json_does_not_become_it() {
        for text in [
            "018446744073709551616",
            "-18446744073709551616-",
            "18446744073709551616.",
            "+18446744073709551616",
            "1e400e",
            ".1e400",
            "1.e400",
            "-",
            "--0",
            "-00",
            r"{18446744073709551616: 1}",
            r#"18446744073709551616"x""#,
            r#""18446744073709551616"#,
            r#""\"#,
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_found_wherever_they_stand() {
        let value =
            read(r#"{"a\"": [18446744073709551616, {"b": -0}], "c": "é", "d":1e400}"#).unwrap();
        assert_eq!(
            python_repr(&value),
            r#"{'a"': [18446744073709551616, {'b': 0}], 'c': 'é', 'd': inf}"#
        );
    }
}
