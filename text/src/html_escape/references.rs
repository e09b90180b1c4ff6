//! Character references, by the table of the HTML standard.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use serde::Deserialize;

/// Maximum number of characters of a name, without a final `;`.
const LONGEST_NAME: usize = 32;

/// Decodes character references that end in `;`.
pub fn decode_strict(text: &str) -> Cow<'_, str> {
    decode(text, End::Required)
}

/// Decodes character references, also without `;`.
pub fn decode_lenient(text: &str) -> Cow<'_, str> {
    decode(text, End::Optional)
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    Required,
    Optional,
}

fn decode(text: &str, end: End) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find('&') {
        decoded.push_str(&rest[..place]);
        let after = &rest[place + 1..];
        let Some((length, Meaning { text, remainder })) =
            numeric(after, end).or_else(|| named(after, end))
        else {
            decoded.push('&');
            rest = after;
            continue;
        };
        decoded.push_str(&text);
        decoded.push_str(remainder);
        rest = &after[length..];
    }
    decoded.push_str(rest);
    Cow::Owned(decoded)
}

/// The decoded text, and the rest of what was parsed as the name.
struct Meaning<'text> {
    text: Cow<'static, str>,
    remainder: &'text str,
}

/// Decodes a numeric reference after its `&` and returns how many bytes it takes.
fn numeric(after: &str, end: End) -> Option<(usize, Meaning<'_>)> {
    let body = after.strip_prefix('#')?;
    let (radix, prefix) = if body.starts_with(['x', 'X']) {
        (16, 2)
    } else {
        (10, 1)
    };
    let digits = after[prefix..]
        .bytes()
        .take_while(|byte| char::from(*byte).is_digit(radix))
        .count();
    let after_digits = prefix + digits;
    let has_end = after.as_bytes().get(after_digits) == Some(&b';');
    if digits == 0 || (end == End::Required && !has_end) {
        return None;
    }
    let text = character_numbered(number(&after[prefix..after_digits], radix));
    Some((
        after_digits + usize::from(has_end),
        Meaning {
            text,
            remainder: "",
        },
    ))
}

/// Parses digits; values too large for a character saturate.
fn number(digits: &str, radix: u32) -> u32 {
    digits
        .chars()
        .filter_map(|digit| digit.to_digit(radix))
        .fold(0_u32, |number, digit| {
            // There may be any number of digits.
            number.saturating_mul(radix).saturating_add(digit)
        })
}

fn character_numbered(number: u32) -> Cow<'static, str> {
    if let Some(text) = TABLE.numeric_overrides.get(&number) {
        return Cow::Borrowed(text);
    }
    match char::from_u32(number) {
        None => Cow::Borrowed("\u{FFFD}"),
        Some(_) if TABLE.numeric_removed.contains(&number) => Cow::Borrowed(""),
        Some(character) => Cow::Owned(character.to_string()),
    }
}

/// Decodes a named reference after its `&`. Unknown names stay unchanged unless they begin with a name that needs no
/// `;`.
fn named(after: &str, end: End) -> Option<(usize, Meaning<'_>)> {
    let length = name_length(after);
    let has_end = after.as_bytes().get(length) == Some(&b';');
    if length == 0 || (end == End::Required && !has_end) {
        return None;
    }
    let taken = length + usize::from(has_end);
    let name = &after[..taken];
    if let Some(text) = TABLE.named.get(name) {
        return Some((
            taken,
            Meaning {
                text: Cow::Borrowed(text),
                remainder: "",
            },
        ));
    }
    // `&copy` is a reference even in `?a=1&copy=2`, as HTML specifies.
    let (text, known) = legacy_beginning(name)?;
    Some((
        taken,
        Meaning {
            text: Cow::Borrowed(text),
            remainder: &name[known..],
        },
    ))
}

/// Returns how many bytes from the start can belong to a name.
fn name_length(after: &str) -> usize {
    after
        .char_indices()
        .take(LONGEST_NAME)
        .take_while(|(_, character)| {
            !matches!(
                character,
                '\t' | '\n' | '\u{C}' | ' ' | '<' | '&' | '#' | ';'
            )
        })
        .last()
        .map_or(0, |(place, character)| place + character.len_utf8())
}

/// Returns the longest name of at least two characters that is a proper prefix of `name`.
fn legacy_beginning(name: &str) -> Option<(&'static str, usize)> {
    let ascii = name.bytes().take_while(u8::is_ascii_alphanumeric).count();
    let longest = ascii.min(name.len() - 1).min(TABLE.longest_legacy);
    (2..=longest).rev().find_map(|known| {
        TABLE
            .named
            .get(&name[..known])
            .map(|text| (text.as_str(), known))
    })
}

/// `html_entities.json`.
static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let file: File = serde_json::from_str(include_str!("../../data/html_entities.json"))
        .expect("the table of references has the shape that its note gives");
    let legacy = file.named.keys().filter(|name| !name.ends_with(';'));
    Table {
        longest_legacy: legacy.map(String::len).max().unwrap_or(0),
        named: file.named,
        numeric_overrides: file.numeric_overrides,
        numeric_removed: file.numeric_removed,
    }
});

struct Table {
    named: HashMap<String, String>,
    /// Names without `;` are few and short, so an unknown name can begin with nothing longer.
    longest_legacy: usize,
    numeric_overrides: HashMap<u32, String>,
    numeric_removed: HashSet<u32>,
}

#[derive(Deserialize)]
struct File {
    named: HashMap<String, String>,
    numeric_overrides: HashMap<u32, String>,
    numeric_removed: HashSet<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_either_base() {
        let cases = [
            ("&#65;&#x41;&#X6a;", "AAj"),
            (
                "&#0;&#xD800;&#x110000;&#99999999999999999999;",
                "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}",
            ),
            ("&#128;&#146;", "€’"),
            ("a&#1;b", "ab"),
            ("&#;&#x;&#xg;&#1a;", "&#;&#x;&#xg;&#1a;"),
        ];
        for (text, decoded) in cases {
            assert_eq!(decode_strict(text), decoded, "{text}");
        }
    }

    #[test]
    fn a_name_may_be_followed_by_what_is_not_its_own() {
        let cases = [
            ("&notit;", "¬it;"),
            ("&notin;", "∉"),
            ("&amp", "&amp"),
            ("&ampé;", "&é;"),
            ("&x;&;& ;&&lt;", "&x;&;& ;&<"),
        ];
        for (text, decoded) in cases {
            assert_eq!(decode_strict(text), decoded, "{text}");
        }
    }

    #[test]
    fn the_lenient_reading_needs_no_end() {
        let cases = [
            ("?a=1&copy=2", "?a=1©=2"),
            ("&currency", "¤cy"),
            ("&#65b", "Ab"),
            ("&#x41g", "Ag"),
            ("fish & chips &x", "fish & chips &x"),
        ];
        for (text, decoded) in cases {
            assert_eq!(decode_lenient(text), decoded, "{text}");
        }
    }

    #[test]
    fn a_name_of_more_than_32_characters_is_none() {
        let long = format!("&not{};", "x".repeat(30));
        assert_eq!(decode_strict(&long), long);
        assert_eq!(decode_lenient(&long), format!("¬{};", "x".repeat(30)));
    }
}
