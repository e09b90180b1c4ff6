//! JSON as the contract writes and reads it (`docs/spec/public-api.md` §2.3, §5.1).

use std::borrow::Cow;

use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value};
use text::keep_numbers;

/// Returns a JSON response: ASCII only, keys in alphabetical order, no spaces, a newline at the end.
pub(crate) fn response(status: StatusCode, body: &impl Serialize) -> Response {
    let mut value = serde_json::to_value(body).expect("our responses are writable as JSON");
    // Maps keep the order of insertion, because error texts quote a request's objects in theirs
    // (`docs/spec/public-api.md` §5.3), so responses have to be sorted.
    value.sort_all_objects();
    ordered_response(status, &value)
}

/// Returns a JSON response whose keys are in alphabetical order already.
pub(crate) fn ordered_response(status: StatusCode, body: &impl Serialize) -> Response {
    bytes_response(status, to_json_bytes(body))
}

/// Serialises a body as [`ordered_response`] sends it.
pub(crate) fn to_json_bytes(body: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(512);
    let mut writer = serde_json::Serializer::with_formatter(&mut bytes, AsciiOnly);
    body.serialize(&mut writer)
        .expect("our responses are writable as JSON");
    bytes.push(b'\n');
    bytes
}

/// Returns a response whose body is serialised already.
pub(crate) fn bytes_response(status: StatusCode, bytes: Vec<u8>) -> Response {
    (
        status,
        [(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        )],
        bytes,
    )
        .into_response()
}

struct AsciiOnly;

impl serde_json::ser::Formatter for AsciiOnly {
    fn write_string_fragment<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        text: &str,
    ) -> std::io::Result<()> {
        // Nearly every fragment, and one write for all of it.
        if text.is_ascii() {
            return writer.write_all(text.as_bytes());
        }
        for character in text.chars() {
            if character.is_ascii() {
                writer.write_all(&[character as u8])?;
            } else {
                // JSON escapes a character above U+FFFF as two UTF-16 units, a surrogate pair.
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

/// Removes the escapes of NUL: neither database keeps that character in a text (`docs/spec/public-api.md` §25). A NUL
/// that is not escaped is no JSON.
pub(crate) fn without_nul(json: &[u8]) -> Cow<'_, [u8]> {
    const NUL: &[u8] = b"\\u0000";
    // Nearly every body has none and is not copied: with the pages of a letter it is megabytes long.
    if memchr::memmem::find(json, NUL).is_none() {
        return json.into();
    }
    let (mut kept, mut rest) = (Vec::with_capacity(json.len()), json);
    // Whether the escape of half a character stands directly before the rest. A NUL after it stays, so that the parser
    // refuses the text: without the NUL it would join the half after it, and the two would be another character.
    let mut is_after_half = false;
    while let Some(backslash) = memchr::memchr(b'\\', rest) {
        kept.extend_from_slice(&rest[..backslash]);
        let escape = &rest[backslash..];
        is_after_half &= backslash == 0;
        rest = if let Some(after) = escape.strip_prefix(NUL)
            && !is_after_half
        {
            after
        } else {
            // Copy an escape whole: the second byte of `\\` must not be read as the start of another escape, and what
            // follows an unfinished `\u` must not complete it: `\u00\u000000` would become `\u0000`.
            let length = if escape.starts_with(b"\\u") {
                NUL.len()
            } else {
                2
            };
            let (escape, after) = escape.split_at(escape.len().min(length));
            kept.extend_from_slice(escape);
            is_after_half = is_high_surrogate(escape);
            after
        };
    }
    kept.extend_from_slice(rest);
    kept.into()
}

/// Returns whether an escape is the first half of a surrogate pair: `\uD800` to `\uDBFF`.
fn is_high_surrogate(escape: &[u8]) -> bool {
    matches!(
        escape,
        [
            b'\\',
            b'u',
            b'd' | b'D',
            b'8' | b'9' | b'a' | b'b' | b'A' | b'B',
            ..
        ]
    )
}

/// The most values in a JSON text, the names of members included. A value of two bytes, or an object of six, takes up to a
/// hundred times as much memory once it is parsed.
const MAX_VALUES: usize = 200_000;

/// Why JSON is refused.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum JsonError {
    /// It is no JSON.
    #[error("the body is not JSON")]
    Invalid,
    /// It has more than [`MAX_VALUES`].
    #[error("the body has more than {MAX_VALUES} values")]
    TooManyValues,
}

/// Parses JSON as a value, if it is small enough in memory. Numbers are kept as `serde_json` reads them.
pub(crate) fn parse_value(json: &[u8]) -> Result<Value, JsonError> {
    check_value_count(json)?;
    serde_json::from_slice(json).map_err(|_| JsonError::Invalid)
}

/// Refuses JSON whose values would take too much memory.
pub(crate) fn check_value_count(json: &[u8]) -> Result<(), JsonError> {
    // Each value takes two bytes, so nearly every body is too short to be looked at.
    if json.len() <= 2 * MAX_VALUES || count_separators(json) < MAX_VALUES {
        return Ok(());
    }
    Err(JsonError::TooManyValues)
}

/// Counts the brackets that open, commas and colons outside of texts: every value but the first follows one.
fn count_separators(json: &[u8]) -> usize {
    let (mut count, mut at) = (0, 0);
    while let Some(byte) = json.get(at) {
        at += 1;
        match byte {
            b'"' => at += end_of_text(&json[at..]),
            b'[' | b'{' | b',' | b':' => count += 1,
            _ => {}
        }
    }
    count
}

/// Returns the length of the rest of a text, its closing quotation mark included.
fn end_of_text(rest: &[u8]) -> usize {
    let mut at = 0;
    // A backslash at the very end moves `at` past it. Such a text is no JSON, which the parser reports afterwards.
    while let Some(found) = memchr::memchr2(b'"', b'\\', &rest[at.min(rest.len())..]) {
        at += found;
        if rest[at] == b'"' {
            return at + 1;
        }
        // The character after a backslash is escaped: a quotation mark there does not end the text.
        at += 2;
    }
    rest.len()
}

/// Parses the body of a v2 request, whatever its content type says. Every falsy value counts as an empty object
/// (`docs/spec/public-api.md` §5.1).
pub(crate) fn parse_v2(body: &[u8]) -> Result<Value, JsonError> {
    // The reference implementation skips a byte order mark, and `serde_json` rejects it.
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let without_nul = without_nul(body);
    // Before numbers are rewritten, which makes them longer.
    check_value_count(&without_nul)?;
    // A float would lose digits of a long number, and messages show numbers as they were sent.
    let body = keep_numbers(&without_nul).map_err(|_| JsonError::Invalid)?;
    let value: Value = serde_json::from_slice(&body).map_err(|_| JsonError::Invalid)?;
    // The reference implementation reads `request.get_json() or {}`.
    Ok(if is_falsy(&value) {
        Value::Object(Map::new())
    } else {
        value
    })
}

fn is_falsy(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(true) => false,
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn responses_are_ascii_sorted_and_end_in_a_newline() {
        let response = response(
            StatusCode::OK,
            &serde_json::json!({"b": "Zoë 🥴", "a": null}),
        );
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(
            &bytes[..],
            b"{\"a\":null,\"b\":\"Zo\\u00eb \\ud83e\\udd74\"}\n"
        );
    }

    #[test]
    fn only_the_escape_of_nul_is_removed() {
        for (json, kept) in [
            (r#"{"a\u0000":"\u0000b\u0000\u0000"}"#, r#"{"a":"b"}"#),
            (r#"["\\u0000"]"#, r#"["\\u0000"]"#),
            (r#"["\\\u0000\"\n"]"#, r#"["\\\"\n"]"#),
            (r#"["\u00000"]"#, r#"["0"]"#),
            (r"\u0000\", r"\"),
            (r#"["\u0041\u0000\u00e9"]"#, r#"["\u0041\u00e9"]"#),
            (r#"["\u00\u000000"]"#, r#"["\u00\u000000"]"#),
            (r"\u0000\u00", r"\u00"),
            (
                r#"["\ud83d\ude00\u0000\ud83d\ude00"]"#,
                r#"["\ud83d\ude00\ud83d\ude00"]"#,
            ),
        ] {
            assert_eq!(without_nul(json.as_bytes()), kept.as_bytes(), "{json}");
        }
    }

    #[test]
    fn no_unfinished_escape_becomes_another_character() {
        for text in [
            r"\u00\u000000",
            r"\u\u00000000",
            r"\u000\u00000",
            r"\u00\u00000d",
            r"\\u0000\u00\u000000",
            r"\u00\u000000number",
            r"\ud800\u0000\udc00",
            r"\uDBFF\u0000\uDFFF",
            r"\ud83d\u0000\u0000\ude00",
            r"\u0000\ud83d\u0000\ude00",
            r"\ud83d\u0000",
        ] {
            for body in [
                format!(r#"{{"a":"{text}"}}"#),
                format!(r#"{{"{text}":"1e9"}}"#),
            ] {
                assert_eq!(parse_v2(body.as_bytes()), Err(JsonError::Invalid), "{body}");
                assert!(
                    parse_value(&without_nul(body.as_bytes())).is_err(),
                    "{body}"
                );
            }
        }
    }

    #[test]
    fn a_falsy_body_is_an_empty_object() {
        for body in [
            "null",
            "false",
            "0",
            "0.0",
            "\"\"",
            "[]",
            "{}",
            "\u{feff}{}",
        ] {
            assert_eq!(
                parse_v2(body.as_bytes()).unwrap(),
                serde_json::json!({}),
                "{body}"
            );
        }
        assert_eq!(parse_v2(b"12").unwrap(), 12);
        assert!(parse_v2(b"").is_err());
        assert!(parse_v2(b"\xff").is_err());
        assert!(parse_v2("[".repeat(100_000).as_bytes()).is_err());
    }

    #[test]
    fn a_body_of_very_many_values_is_refused_and_a_long_text_is_not() {
        for piece in ["1,", "[],", "{\"\":0},", "1e9,", "\"\\\"\","] {
            let many = format!("[{}0]", piece.repeat(500_000));
            assert_eq!(
                parse_v2(many.as_bytes()),
                Err(JsonError::TooManyValues),
                "{piece}"
            );
        }
        let text = r#"[{,:\""#.repeat(500_000);
        let body = serde_json::json!({"text": text, "list": vec![0; 100_000]});
        assert_eq!(parse_v2(body.to_string().as_bytes()).unwrap(), body);
    }
}
