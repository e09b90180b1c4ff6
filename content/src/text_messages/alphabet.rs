//! The characters of text messages (`templates.md` §5.2 and §5.3).

use std::{collections::HashSet, sync::LazyLock};

use serde::Deserialize;

use crate::text::sms;

/// The characters of a text for which a message has no replacement but `?`, each once, by code point.
pub fn not_encodable(text: &str) -> Vec<char> {
    let is_lost =
        |character: &char| *character != '?' && sms(character.encode_utf8(&mut [0; 4])) == "?";
    let mut lost: Vec<char> = text.chars().filter(is_lost).collect();
    lost.sort_unstable();
    lost.dedup();
    lost
}

/// Whether a character takes two places in a message of 7-bit characters.
pub(super) fn takes_two_places(character: char) -> bool {
    if character.is_ascii() {
        return ALPHABET.extended_ascii >> u32::from(character) & 1 == 1;
    }
    ALPHABET.extended.contains(&character)
}

/// Whether a character, though it is kept, makes the whole message one of 16-bit characters.
pub(super) fn forces_wide_characters(character: char) -> bool {
    !character.is_ascii() && ALPHABET.welsh_non_gsm.contains(&character)
}

/// `gsm_characters.json`, taken in once.
static ALPHABET: LazyLock<Alphabet> = LazyLock::new(|| {
    let table: Table = serde_json::from_str(include_str!("../../data/gsm_characters.json"))
        .expect("the table of characters has the shape that its README gives");
    let ascii = table
        .extended
        .iter()
        .filter(|character| character.is_ascii());
    Alphabet {
        extended_ascii: ascii.fold(0, |members, &character| members | 1 << u32::from(character)),
        extended: table.extended,
        welsh_non_gsm: table.welsh_non_gsm,
    }
});

struct Alphabet {
    /// One bit for each member below U+0080.
    extended_ascii: u128,
    extended: HashSet<char>,
    welsh_non_gsm: HashSet<char>,
}

#[derive(Deserialize)]
struct Table {
    extended: HashSet<char>,
    welsh_non_gsm: HashSet<char>,
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
        assert!(takes_two_places('€') && takes_two_places('{') && !takes_two_places('a'));
        assert!(
            forces_wide_characters('ŵ')
                && !forces_wide_characters('é')
                && !forces_wide_characters('字')
        );
    }
}
