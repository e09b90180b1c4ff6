//! What of an answer is written into the log of attempts.

use std::collections::BTreeSet;

use serde_json::Value;

/// Longest text that is kept, in characters.
const MAX_CHARACTERS: usize = 200;
/// A number with as many digits may be a phone number or a part of one.
const MIN_PERSONAL_DIGITS: usize = 5;
/// Keys of bodies whose values are personal.
const PERSONAL_KEYS: &[&str] = &["to", "source_number", "message", "sent_by", "reference"];

/// Returns the beginning of an answer for the log, with `…` for every word that may be personal: words of what was sent,
/// addresses and long numbers. Services often echo what they do not understand.
pub(super) fn shown(excerpt: &[u8], sent_body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(excerpt);
    let personal = personal_words(sent_body);
    let words = text.split_whitespace().map(|word| {
        if is_personal(word, &personal) {
            "…"
        } else {
            word
        }
    });
    let shown: String = words.collect::<Vec<_>>().join(" ");
    // White space is gone; other control characters could move a terminal's cursor.
    let shown: String = shown
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_CHARACTERS)
        .collect();
    (!shown.is_empty()).then_some(shown)
}

fn personal_words(sent_body: &[u8]) -> BTreeSet<String> {
    let body: Value = serde_json::from_slice(sent_body).unwrap_or_default();
    let values = PERSONAL_KEYS.iter().filter_map(|key| body[key].as_str());
    values.flat_map(parts).collect()
}

/// Returns the words in a text, in lower case, without punctuation and without very short ones.
fn parts(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|part| part.chars().count() > 2)
        .map(str::to_lowercase)
}

fn is_personal(word: &str, personal: &BTreeSet<String>) -> bool {
    let digits = word.chars().filter(char::is_ascii_digit).count();
    digits >= MIN_PERSONAL_DIGITS
        || word.contains('@')
        || parts(word).any(|part| personal.contains(&part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_personal_is_left_out() {
        let body = br#"{"id": "1", "to": "ada@example.com", "message": "I am Ada L\u00f6velace"}"#;
        for (answer, kept) in [
            ("Internal Server Error", "Internal Server Error"),
            ("cannot tell ada@example.com", "cannot tell …"),
            (
                "{\"message\": \"I am ADA L\u{f6}velace\"}",
                "{\"message\": \"I am … …",
            ),
            ("call 07700900123, or (0770)0900-123", "call … or …"),
            ("error 503\n\tat line 12", "error 503 at line 12"),
            ("\u{1b}[31mred\u{0}", "[31mred"),
        ] {
            assert_eq!(shown(answer.as_bytes(), body).as_deref(), Some(kept));
        }
        assert_eq!(shown(b"", body), None);
        assert_eq!(shown(b"\xff\xfe", body).unwrap(), "\u{fffd}\u{fffd}");
        let long = shown("word ".repeat(200).as_bytes(), body).unwrap();
        assert_eq!(long.chars().count(), MAX_CHARACTERS);
    }
}
