//! Values in Python's notation, in which error messages, and objects inside values, are written
//! (`docs/spec/public-api.md` §5.3 and §13.5).

use std::fmt::Write;

use serde_json::{Map, Number, Value};
use unicode_general_category::GeneralCategory;

use crate::exact_number_of;
use crate::unicode_15_1::general_category;

/// Formats a value as Python's `repr`: strings quoted and escaped, `None`, `True`, fractions with a point or
/// exponent, `[a, b]` and `{'k': 1}` recursively and in the order given.
pub fn python_repr(value: &Value) -> String {
    let mut shown = String::new();
    write_value(&mut shown, value);
    shown
}

fn write_value(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Number(number) => out.push_str(&number_text(number)),
        Value::String(text) => write_text(out, text),
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                separate(out, place);
                write_value(out, item);
            }
            out.push(']');
        }
        Value::Object(members) => write_object(out, members),
    }
}

fn write_object(out: &mut String, members: &Map<String, Value>) {
    if let Some(number) = exact_number_of(members) {
        out.push_str(number);
        return;
    }
    out.push('{');
    for (place, (name, member)) in members.iter().enumerate() {
        separate(out, place);
        write_text(out, name);
        out.push_str(": ");
        write_value(out, member);
    }
    out.push('}');
}

fn separate(out: &mut String, place: usize) {
    if place > 0 {
        out.push_str(", ");
    }
}

/// Formats an integer in decimal, a fraction in the shortest form that reads back the same, with a point or exponent.
pub fn number_text(number: &Number) -> String {
    match number.as_f64() {
        Some(fraction) if number.is_f64() => fraction_text(fraction),
        _ => number.to_string(),
    }
}

fn fraction_text(fraction: f64) -> String {
    // Rust switches to exponents where Python does, but writes them shorter: 1e-7 for 1e-07.
    let shown = format!("{fraction:?}");
    let Some((digits, exponent)) = shown.split_once('e') else {
        return shown;
    };
    let (sign, exponent) = exponent
        .strip_prefix('-')
        .map_or(('+', exponent), |rest| ('-', rest));
    let digits = digits.strip_suffix(".0").unwrap_or(digits);
    format!("{digits}e{sign}{exponent:0>2}")
}

fn write_text(out: &mut String, text: &str) {
    // Python prefers apostrophes, and avoids escaping them where it can.
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    out.push(quote);
    for character in text.chars() {
        write_character(out, character, quote);
    }
    out.push(quote);
}

fn write_character(out: &mut String, character: char, quote: char) {
    match character {
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        _ if character == quote => out.extend(['\\', quote]),
        _ if is_printable(character) => out.push(character),
        _ => {
            let number = u32::from(character);
            let written = match number {
                0..=0xFF => write!(out, "\\x{number:02x}"),
                0x100..=0xFFFF => write!(out, "\\u{number:04x}"),
                _ => write!(out, "\\U{number:08x}"),
            };
            written.expect("a String takes all that is written");
        }
    }
}

fn is_printable(character: char) -> bool {
    use GeneralCategory::{
        Control, Format, LineSeparator, ParagraphSeparator, PrivateUse, SpaceSeparator, Surrogate,
        Unassigned,
    };
    if character.is_ascii() {
        return matches!(character, ' '..='~');
    }
    !matches!(
        general_category(character),
        Control
            | Format
            | LineSeparator
            | ParagraphSeparator
            | PrivateUse
            | SpaceSeparator
            | Surrogate
            | Unassigned
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_and_constants_are_shown_as_python_does() {
        for (value, shown) in [
            (json!(null), "None"),
            (json!(true), "True"),
            (json!(false), "False"),
            (json!(-7), "-7"),
            (json!(u64::MAX), "18446744073709551615"),
            (json!(2.0), "2.0"),
            (json!(-0.5), "-0.5"),
            (json!(0.0001), "0.0001"),
            (json!(0.00001), "1e-05"),
            (json!(1.5e-7), "1.5e-07"),
            (json!(100_000.0), "100000.0"),
            (json!(9_999_999_999_999_998.0), "9999999999999998.0"),
            (json!(1e16), "1e+16"),
            (json!(-1.25e300), "-1.25e+300"),
            (json!(5e-324), "5e-324"),
        ] {
            assert_eq!(python_repr(&value), shown);
        }
    }

    #[test]
    fn texts_are_quoted_by_what_they_contain() {
        for (text, shown) in [
            ("plain", r"'plain'"),
            ("it's", r#""it's""#),
            ("say \"x\"", r#"'say "x"'"#),
            ("it's \"x\"", r#"'it\'s "x"'"#),
            ("a\\b\n\r\t", r"'a\\b\n\r\t'"),
            ("\u{7}\u{7f}\u{a0}\u{ad}é", r"'\x07\x7f\xa0\xadé'"),
            ("\u{200b}\u{2028}\u{e000}½", r"'\u200b\u2028\ue000½'"),
            ("\u{e0001}🐕", r"'\U000e0001🐕'"),
        ] {
            assert_eq!(python_repr(&json!(text)), shown);
        }
    }

    #[test]
    fn lists_and_objects_are_shown_in_their_order() {
        let value = json!({"k": "v", "a": [1, {"b's": null}], "": {}});
        assert_eq!(
            python_repr(&value),
            r#"{'k': 'v', 'a': [1, {"b's": None}], '': {}}"#
        );
    }
}
