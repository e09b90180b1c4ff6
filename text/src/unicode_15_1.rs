//! Character properties of Unicode 15.1, on which templates and recipients are based (`docs/spec/templates.md` §1).
//!
//! A character added after 15.1 has no category and no case here.

use std::sync::LazyLock;

use serde::Deserialize;
use unicode_general_category::{GeneralCategory, get_general_category};

/// All code points before this one are assigned.
const FIRST_UNASSIGNED: char = '\u{378}';

/// First and last code point of each range, in order.
static UNASSIGNED: LazyLock<Vec<(u32, u32)>> = LazyLock::new(|| {
    let table: Table = serde_json::from_str(include_str!("../data/unicode_15_1.json"))
        .expect("the table has the shape that its README gives");
    let number = |hex: &String| u32::from_str_radix(hex, 16).expect("a code point");
    let ranges = table.unassigned.iter();
    ranges
        .map(|(first, last)| (number(first), number(last)))
        .collect()
});

#[derive(Deserialize)]
struct Table {
    unassigned: Vec<(String, String)>,
}

/// Returns whether the character was assigned.
pub fn is_assigned(character: char) -> bool {
    // The libraries know later versions, and newer ones with every release, but what a message says must not change.
    if character < FIRST_UNASSIGNED {
        return true;
    }
    let number = u32::from(character);
    let place = UNASSIGNED.partition_point(|&(_, last)| last < number);
    UNASSIGNED
        .get(place)
        .is_none_or(|&(first, _)| number < first)
}

/// Returns the general category.
pub fn general_category(character: char) -> GeneralCategory {
    if is_assigned(character) {
        get_general_category(character)
    } else {
        GeneralCategory::Unassigned
    }
}

/// Converts to lower case, with a final sigma at the end of a word.
pub fn lower(text: &str) -> String {
    let is_stranger = |character| !is_assigned(character);
    if !text.contains(is_stranger) {
        return text.to_lowercase();
    }
    let mut lower = String::with_capacity(text.len());
    for piece in text.split_inclusive(is_stranger) {
        let known = piece.trim_end_matches(is_stranger);
        lower.push_str(&known.to_lowercase());
        lower.push_str(&piece[known.len()..]);
    }
    lower
}

/// Converts a single character to lower case.
pub fn lower_character(character: char) -> impl Iterator<Item = char> {
    let has_case = is_assigned(character);
    let lower = has_case.then(|| character.to_lowercase());
    lower
        .into_iter()
        .flatten()
        .chain((!has_case).then_some(character))
}

/// Converts to upper case.
pub fn upper(text: &str) -> String {
    let mut upper = String::with_capacity(text.len());
    for character in text.chars() {
        if is_assigned(character) && character.to_uppercase().all(is_assigned) {
            upper.extend(character.to_uppercase());
        } else {
            upper.push(character);
        }
    }
    upper
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order() {
        assert_eq!(
            UNASSIGNED.first().map(|range| range.0),
            Some(FIRST_UNASSIGNED.into())
        );
        assert!(UNASSIGNED.iter().all(|(first, last)| first <= last));
        assert!(UNASSIGNED.is_sorted_by(|before, after| before.1 < after.0));
    }

    #[test]
    fn what_came_later_is_no_letter() {
        for (known, later) in [('\u{10D27}', '\u{10D50}'), ('\u{A7CA}', '\u{A7CB}')] {
            assert!(is_assigned(known) && !is_assigned(later));
            assert_eq!(general_category(later), GeneralCategory::Unassigned);
        }
        assert_eq!(general_category('ŵ'), GeneralCategory::LowercaseLetter);
        assert!(is_assigned('\u{10FFFD}') && !is_assigned('\u{10FFFF}'));
    }

    #[test]
    fn what_came_later_has_no_case() {
        assert_eq!(lower("ΑΣ\u{10D50}Σ É"), "ας\u{10D50}σ é");
        assert_eq!(lower("ΑΣ"), "ας");
        assert_eq!(
            upper("\u{19B}\u{264}\u{10D70}ß"),
            "\u{19B}\u{264}\u{10D70}SS"
        );
        let each = |text: &str| text.chars().flat_map(lower_character).collect::<String>();
        assert_eq!(each("ΑΣ\u{A7CB}İ"), "ασ\u{A7CB}i\u{307}");
    }
}
