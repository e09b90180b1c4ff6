//! Text operations shared by `recipients`, `templates` and `spreadsheets` (`docs/spec/recipients.md` §1). Pure rules,
//! no I/O.
//!
//! Operations that rarely change anything return borrowed text. Tables are data in `text/data`, not code.

pub mod characters;
mod exact_number;
pub mod html_escape;
mod python_repr;
pub mod unicode_15_1;

use std::{borrow::Cow, collections::HashMap, sync::LazyLock};

use serde::Deserialize;

pub use exact_number::{
    TooManyDigits, exact_number, exact_number_of, keep_numbers, number_as_text,
};
pub use python_repr::{number_text, python_repr};

use crate::unicode_15_1::lower;

/// Returns whether a character is a tab, a line end below U+000E, or a space.
pub fn is_plain_space(character: char) -> bool {
    matches!(character, '\u{9}'..='\u{D}' | ' ')
}

/// Returns whether a character has zero width, such as those pasted unintentionally.
pub fn is_zero_width(character: char) -> bool {
    matches!(
        character,
        '\u{180E}' | '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FEFF}' | '\u{2028}' | '\u{2029}'
    )
}

/// Returns whether a character is one of the two no-break spaces.
pub fn is_fixed_space(character: char) -> bool {
    matches!(character, '\u{A0}' | '\u{202F}')
}

/// Returns whether a character is a plain, zero-width or no-break space.
pub fn is_known_space(character: char) -> bool {
    is_plain_space(character) || is_zero_width(character) || is_fixed_space(character)
}

/// Returns whether a character is whitespace in Unicode, or one of the four information separators.
pub fn is_any_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{1C}'..='\u{1F}')
}

/// Returns whether a character ends a line.
pub fn is_line_end(character: char) -> bool {
    matches!(
        character,
        '\u{A}'..='\u{D}' | '\u{1C}'..='\u{1E}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

/// Removes zero-width and no-break spaces everywhere, and plain spaces at both ends.
pub fn trim(text: &str) -> Cow<'_, str> {
    // Pasted texts have invisible characters in the middle too, where no trimming would reach them.
    match without(text, |character| {
        is_zero_width(character) || is_fixed_space(character)
    }) {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_matches(is_plain_space)),
        Cow::Owned(text) => Cow::Owned(text.trim_matches(is_plain_space).to_owned()),
    }
}

/// Removes all plain, zero-width and no-break spaces.
pub fn remove_whitespace(text: &str) -> Cow<'_, str> {
    without(text, is_known_space)
}

/// Iterates over the lines of a text. CR LF is one line end, and a final line end starts no further line.
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some((end, line_end)) = rest
            .char_indices()
            .find(|&(_, character)| is_line_end(character))
        else {
            return Some(std::mem::take(&mut rest));
        };
        let (line, after) = rest.split_at(end);
        // A line end of two characters, which must not give an empty line between them.
        rest = after
            .strip_prefix("\r\n")
            .unwrap_or(&after[line_end.len_utf8()..]);
        Some(line)
    })
}

/// Replaces runs of spaces of any kind by one space, and trims.
pub fn normalise_spaces(line: &str) -> String {
    let mut normalised = String::with_capacity(line.len());
    let mut word_is_due = false;
    for character in line.chars().filter(|&character| !is_zero_width(character)) {
        if is_any_space(character) {
            // Written with the next word only, so that no space stays at either end.
            word_is_due = !normalised.is_empty();
        } else {
            if std::mem::take(&mut word_is_due) {
                normalised.push(' ');
            }
            normalised.push(character);
        }
    }
    normalised
}

/// Removes spaces and tabs directly before a comma or full stop.
pub fn remove_whitespace_before_punctuation(text: &str) -> Cow<'_, str> {
    let is_gap = |character| matches!(character, ' ' | '\t');
    let stops_after_gaps = |text: &str| {
        let bytes = text.as_bytes();
        memchr::memchr2_iter(b',', b'.', bytes)
            .any(|place| place > 0 && matches!(bytes[place - 1], b' ' | b'\t'))
    };
    // Nearly every text is right already, and is not copied.
    if !stops_after_gaps(text) {
        return Cow::Borrowed(text);
    }
    let mut closed = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, ',' | '.') {
            closed.truncate(closed.trim_end_matches(is_gap).len());
        }
        closed.push(character);
    }
    Cow::Owned(closed)
}

/// Converts to the characters U+0020–U+007E: others are replaced by similar ones, or by `?`.
pub fn ascii(text: &str) -> Cow<'_, str> {
    DOWNGRADES.ascii.apply(text)
}

/// Converts to the characters of text messages: others are replaced by similar ones, or by `?`.
pub fn sms(text: &str) -> Cow<'_, str> {
    DOWNGRADES.sms.apply(text)
}

/// Converts to the characters of text messages like [`sms`], but keeps characters that have no replacement.
pub fn sms_or_unicode(text: &str) -> Cow<'_, str> {
    DOWNGRADES.sms.apply_or_keep(text)
}

/// Normalises the name of a column or placeholder for comparison: ignores case, spaces, `_` and `-`.
pub fn column_key(name: &str) -> String {
    lower(&without(name, |character| {
        matches!(character, ' ' | '_' | '-')
    }))
}

/// Lists characters for people, with their code points, which identify those that a screen cannot show:
/// `م (U+0645), ن (U+0646) and 3 more`.
pub fn describe_characters(characters: &[char]) -> String {
    const MAX_SHOWN: usize = 10;
    let shown: Vec<String> = characters
        .iter()
        .take(MAX_SHOWN)
        .map(|&character| format!("{character} (U+{:04X})", u32::from(character)))
        .collect();
    let rest = characters.len().saturating_sub(MAX_SHOWN);
    if rest == 0 {
        shown.join(", ")
    } else {
        format!("{} and {rest} more", shown.join(", "))
    }
}

/// Returns the length in UTF-16 code units.
pub fn utf16_units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

fn without(text: &str, unwanted: impl Fn(char) -> bool) -> Cow<'_, str> {
    if text.contains(&unwanted) {
        Cow::Owned(
            text.chars()
                .filter(|&character| !unwanted(character))
                .collect(),
        )
    } else {
        Cow::Borrowed(text)
    }
}

/// `character_downgrades.json`.
static DOWNGRADES: LazyLock<Downgrades> = LazyLock::new(|| {
    let table: DowngradeTable =
        serde_json::from_str(include_str!("../data/character_downgrades.json"))
            .expect("the table of downgrades has the shape that its README gives");
    Downgrades {
        ascii: Repertoire::new((' '..='~').collect(), table.ascii),
        sms: Repertoire::new(table.sms_allowed.chars().collect(), table.sms),
    }
});

struct Downgrades {
    ascii: Repertoire,
    sms: Repertoire,
}

#[derive(Deserialize)]
struct DowngradeTable {
    ascii: HashMap<String, (char, String)>,
    sms: HashMap<String, (char, String)>,
    sms_allowed: String,
}

/// A set of characters, and replacements for some that are not in it.
struct Repertoire {
    /// One bit for each member below U+0080, so that plain text is scanned once and borrowed.
    ascii_members: u128,
    /// Replacement of each other character; a member is replaced by itself.
    replacement_of: HashMap<char, Box<str>>,
}

impl Repertoire {
    fn new(members: Vec<char>, replacements: HashMap<String, (char, String)>) -> Self {
        let mut replacement_of: HashMap<char, Box<str>> = replacements
            .into_values()
            .map(|(character, replacement)| (character, replacement.into_boxed_str()))
            .collect();
        let mut ascii_members = 0;
        for member in members {
            if member.is_ascii() {
                ascii_members |= 1 << u32::from(member);
            }
            replacement_of.insert(member, member.to_string().into_boxed_str());
        }
        Self {
            ascii_members,
            replacement_of,
        }
    }

    fn keeps_byte(&self, byte: u8) -> bool {
        byte.is_ascii() && self.ascii_members >> byte & 1 == 1
    }

    fn apply<'text>(&self, text: &'text str) -> Cow<'text, str> {
        self.replace(text, |_, outcome| outcome.push('?'))
    }

    fn apply_or_keep<'text>(&self, text: &'text str) -> Cow<'text, str> {
        self.replace(text, |character, outcome| outcome.push(character))
    }

    /// Replaces all characters that are not members; `fallback` writes those that have no replacement.
    fn replace<'text>(
        &self,
        text: &'text str,
        fallback: impl Fn(char, &mut String),
    ) -> Cow<'text, str> {
        let Some(kept) = text.bytes().position(|byte| !self.keeps_byte(byte)) else {
            return Cow::Borrowed(text);
        };
        // All bytes before the first one to replace are ASCII, so this is a character boundary.
        let (mut outcome, rest) = (text[..kept].to_owned(), &text[kept..]);
        outcome.reserve(rest.len());
        for character in rest.chars() {
            if u8::try_from(character).is_ok_and(|byte| self.keeps_byte(byte)) {
                outcome.push(character);
            } else if let Some(replacement) = self.replacement_of.get(&character) {
                outcome.push_str(replacement);
            } else {
                fallback(character, &mut outcome);
            }
        }
        Cow::Owned(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tidying_deletes_fixed_spaces_and_strips_plain_ones() {
        assert_eq!(trim(" \u{FEFF}\ta\u{A0}b c\u{200B}\r\n"), "ab c");
        assert!(matches!(trim(" as it was "), Cow::Borrowed("as it was")));
    }

    #[test]
    fn squashing_leaves_spaces_that_are_not_known() {
        assert_eq!(remove_whitespace(" a\u{2003}b\u{202F}c\n"), "a\u{2003}bc");
    }

    #[test]
    fn a_final_line_end_starts_no_line() {
        assert_eq!(
            lines("a\r\nb\n\rc\u{2028}").collect::<Vec<_>>(),
            ["a", "b", "", "c"]
        );
        assert_eq!(lines("").count(), 0);
        assert_eq!(lines("\n").collect::<Vec<_>>(), [""]);
    }

    #[test]
    fn levelling_joins_words_with_single_spaces() {
        assert_eq!(
            normalise_spaces("\u{A0} a\u{200B}b \t\u{1F}c\u{3000}"),
            "ab c"
        );
        assert_eq!(normalise_spaces(" \u{200B} "), "");
    }

    #[test]
    fn closing_up_moves_stops_to_their_word() {
        assert_eq!(
            remove_whitespace_before_punctuation("Flat 2 , 14\t .\n, x ,. "),
            "Flat 2, 14.\n, x,. "
        );
        assert_eq!(remove_whitespace_before_punctuation(" ,"), ",");
    }

    #[test]
    fn downgrading_keeps_replaces_or_asks() {
        assert_eq!(ascii("caf\u{e9}\u{2026}\u{200B}\t\n\u{4E00}"), "cafe... ??");
        assert_eq!(sms("caf\u{e9}\n\u{154}`"), "caf\u{e9}\nR?");
    }

    #[test]
    fn a_column_key_looks_past_case_and_joiners() {
        assert_eq!(column_key("Phone_Num-ber "), "phonenumber");
        assert_eq!(column_key("a\tB"), "a\tb");
    }

    #[test]
    fn units_count_surrogates() {
        assert_eq!(utf16_units("a\u{1F600}"), 3);
    }
}
