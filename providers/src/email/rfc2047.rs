//! Encodes text in headers (RFC 2047), and decodes it for the sink's list.
//!
//! The result is printable ASCII with our own folding, whatever the text: control characters, line ends above all, become
//! spaces. So no text can start a header.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Bytes of text in one encoded word: 52 characters of base64 and the delimiters make 64, which fits behind `Subject: `.
const WORD_BYTES: usize = 39;

/// Lines over 998 characters are forbidden (RFC 5322 §2.1.1), the header's name included.
const MAX_PLAIN_LENGTH: usize = 900;

const WORD_BEGIN: &str = "=?utf-8?b?";
const WORD_END: &str = "?=";

/// Encodes unstructured text, such as a subject.
pub(crate) fn unstructured(text: &str) -> String {
    let text = one_line(text);
    if is_plain(&text) {
        text.into_owned()
    } else {
        encoded_words(&text)
    }
}

/// Encodes a display name as a quoted string or encoded words. Empty for an empty name.
pub(crate) fn phrase(text: &str) -> String {
    let text = one_line(text);
    let name = text.trim();
    if name.is_empty() {
        String::new()
    } else if is_plain(name) {
        quoted(name)
    } else {
        encoded_words(name)
    }
}

/// Decodes what [`unstructured`] encoded. Does not understand other forms of encoded words.
pub(crate) fn decode(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut after_word = false;
    for piece in value.split_inclusive(' ') {
        let word = piece.trim_end_matches(' ');
        let decoded = word
            .strip_prefix(WORD_BEGIN)
            .and_then(|rest| rest.strip_suffix(WORD_END))
            .and_then(|body| STANDARD.decode(body).ok());
        if let Some(decoded) = decoded {
            if after_word {
                // White space between encoded words is part of the folding, not of the text.
                bytes.pop();
            }
            bytes.extend_from_slice(&decoded);
            bytes.extend_from_slice(&piece.as_bytes()[word.len()..]);
            after_word = true;
        } else {
            bytes.extend_from_slice(piece.as_bytes());
            after_word = false;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Replaces every control character, including line ends, by a space.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    if text.contains(char::is_control) {
        Cow::Owned(text.replace("\r\n", " ").replace(char::is_control, " "))
    } else {
        Cow::Borrowed(text)
    }
}

/// Returns whether a text needs no encoding. `=?` does, or a reader would decode it and show another text.
fn is_plain(text: &str) -> bool {
    text.is_ascii() && text.len() <= MAX_PLAIN_LENGTH && !text.contains("=?")
}

fn quoted(name: &str) -> String {
    let mut quoted = String::with_capacity(name.len() + 2);
    quoted.push('"');
    for character in name.chars() {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}

fn encoded_words(text: &str) -> String {
    let mut words = String::with_capacity(text.len() * 2);
    let mut rest = text;
    while !rest.is_empty() {
        let (word, after) = rest.split_at(rest.floor_char_boundary(WORD_BYTES));
        if !words.is_empty() {
            words.push_str("\r\n ");
        }
        words.push_str(WORD_BEGIN);
        STANDARD.encode_string(word, &mut words);
        words.push_str(WORD_END);
        rest = after;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_stays_readable() {
        assert_eq!(unstructured("Your bin day: Friday"), "Your bin day: Friday");
        assert_eq!(phrase(r#"Bins "R" Us \o/"#), r#""Bins \"R\" Us \\o/""#);
        assert_eq!(phrase("  "), "");
    }

    #[test]
    fn other_text_is_encoded_and_decodes_to_itself() {
        for text in [
            "Dŵr Cymru",
            "🎉🎉🎉 a party, with a long subject that needs more than one word 🎉 and goes on 🎉",
            "=?utf-8?b?SGVsbG8=?=",
            &"x".repeat(2_000),
        ] {
            let encoded = unstructured(text);
            assert!(encoded.is_ascii());
            assert!(encoded.split("\r\n").all(|line| line.len() <= 75));
            assert_eq!(decode(&encoded.replace("\r\n", "")), text);
        }
    }

    #[test]
    fn line_ends_are_removed() {
        for text in ["a\r\nBcc: x@y.z", "a\nb", "a\rb", "a\u{85}b", "é\r\nX: y\0"] {
            for value in [unstructured(text), phrase(text)] {
                assert!(!value.replace("\r\n ", "").contains(char::is_control));
            }
        }
        assert_eq!(unstructured("a\r\nBcc: x@y.z"), "a Bcc: x@y.z");
    }
}
