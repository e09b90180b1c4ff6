//! Character sets of text messages (`docs/spec/templates.md` §5.2 and §5.3).

use std::{collections::BTreeSet, sync::LazyLock};

use serde::Deserialize;

use text::sms;

/// Returns the characters that would be replaced by `?` in a text message, without duplicates, by code point.
pub fn not_encodable(text: &str) -> Vec<char> {
    // A question mark in the text is not a lost character.
    let is_lost =
        |character: &char| *character != '?' && sms(character.encode_utf8(&mut [0; 4])) == "?";
    let mut lost: Vec<char> = text.chars().filter(is_lost).collect();
    lost.sort_unstable();
    lost.dedup();
    lost
}

/// Counts the characters that take two septets in a message of 7-bit characters.
pub(super) fn count_taking_two_places(text: &str) -> usize {
    let alphabet = &*ALPHABET;
    text.chars()
        .filter(|&character| alphabet.takes_two_places(character))
        .count()
}

/// Returns the characters that are kept but force the whole message into 16-bit characters, without duplicates, in
/// order of first appearance.
pub(super) fn forcing_wide_characters(text: &str) -> Vec<char> {
    let mut found = Vec::new();
    if text.is_ascii() {
        return found;
    }
    let alphabet = &*ALPHABET;
    for character in text
        .chars()
        .filter(|&character| alphabet.forces_wide_characters(character))
    {
        // A linear search suffices: there are only a few dozen such characters.
        if !found.contains(&character) {
            found.push(character);
        }
    }
    found
}

/// `gsm_characters.json`.
static ALPHABET: LazyLock<Alphabet> = LazyLock::new(|| {
    let table: Table = serde_json::from_str(include_str!("../../data/gsm_characters.json"))
        .expect("the table of characters has the shape that its README gives");
    // Most texts are ASCII, for which a bit set is faster than a tree.
    let (ascii, beyond): (Vec<char>, Vec<char>) =
        table.extended.into_iter().partition(char::is_ascii);
    Alphabet {
        extended_ascii: ascii
            .into_iter()
            .fold(0, |members, character| members | 1 << u32::from(character)),
        extended_beyond_ascii: beyond.into_iter().collect(),
        welsh_non_gsm: table.welsh_non_gsm,
    }
});

struct Alphabet {
    /// One bit for each character below U+0080.
    extended_ascii: u128,
    extended_beyond_ascii: BTreeSet<char>,
    welsh_non_gsm: BTreeSet<char>,
}

#[derive(Deserialize)]
struct Table {
    extended: BTreeSet<char>,
    welsh_non_gsm: BTreeSet<char>,
}

impl Alphabet {
    fn takes_two_places(&self, character: char) -> bool {
        if character.is_ascii() {
            self.extended_ascii >> u32::from(character) & 1 == 1
        } else {
            self.extended_beyond_ascii.contains(&character)
        }
    }

    fn forces_wide_characters(&self, character: char) -> bool {
        !character.is_ascii() && self.welsh_non_gsm.contains(&character)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_is_listed_once_in_order() {
        assert_eq!(not_encodable("é? 字½字…`\u{200B}"), ['`', '½', '字']);
    }

    #[test]
    fn some_characters_take_two_places_and_some_widen_all() {
        assert_eq!(count_taking_two_places("€a{é字"), 2);
        assert_eq!(forcing_wide_characters("aŵé字âŵ"), ['ŵ', 'â']);
    }
}
