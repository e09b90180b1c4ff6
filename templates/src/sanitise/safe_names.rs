//! Names for use in addresses and identifiers (`docs/spec/templates.md` §11.2).

use unicode_general_category::GeneralCategory;
use unicode_normalization::UnicodeNormalization;

use text::{
    characters::{is_letter, is_numeric},
    is_any_space,
    unicode_15_1::{general_category, is_assigned, lower_character},
};

/// Converts a name to the local part of an email address: `Ünï Ço_de` becomes `uni.code`.
pub fn safe_email_local_part(name: &str) -> String {
    safe(name, '.')
}

/// Converts a name to an identifier: `Dog Licensing` becomes `dog-licensing`.
pub fn safe_id(name: &str) -> String {
    safe(name, '-')
}

/// Keeps letters without their marks and digits, in lower case, with a separator for whitespace.
fn safe(name: &str, separator: char) -> String {
    let is_mark =
        |character: &char| general_category(*character) == GeneralCategory::NonspacingMark;
    let bare: String = name
        .chars()
        .map(known_or_replaced)
        // Taken apart, so that a letter stays when its mark goes.
        .nfd()
        .filter(|character| !is_mark(character))
        .collect();
    let mut safe = String::with_capacity(bare.len());
    let mut words = bare.split(is_any_space).filter(|word| !word.is_empty());
    if let Some(first) = words.next() {
        push_safe(&mut safe, first, separator);
    }
    for word in words {
        push_unless_second_stop(&mut safe, separator);
        push_safe(&mut safe, word, separator);
    }
    // A local part must not begin or end with a dot (RFC 5321 §4.1.2).
    safe.trim_matches('.').to_owned()
}

/// Replaces characters added after Unicode 15.1, which the contract does not know as letters.
fn known_or_replaced(character: char) -> char {
    if is_assigned(character) {
        character
    } else {
        char::REPLACEMENT_CHARACTER
    }
}

fn push_safe(out: &mut String, word: &str, separator: char) {
    for character in word.chars() {
        if character == separator {
            push_unless_second_stop(out, character);
        } else if is_letter(character) || is_numeric(character) {
            out.extend(lower_character(character));
        }
    }
}

fn push_unless_second_stop(out: &mut String, character: char) {
    if character != '.' || !out.ends_with('.') {
        out.push(character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_part_has_single_stops_between_words() {
        for (name, safe) in [
            ("  A & B  (Ltd.) ", "a.b.ltd"),
            ("..a...b..", "a.b"),
            ("Ünï Ço_de-1", "uni.code1"),
            ("Straße ² Ⅳ", "straße.².ⅳ"),
            ("", ""),
        ] {
            assert_eq!(safe_email_local_part(name), safe);
        }
    }

    #[test]
    fn an_identifier_keeps_its_hyphens() {
        for (name, safe) in [
            ("a - b -- c", "a---b----c"),
            ("--x--", "--x--"),
            ("..a.", "a"),
        ] {
            assert_eq!(safe_id(name), safe);
        }
    }
}
