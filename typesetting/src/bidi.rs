//! The direction of text, by the Unicode Bidirectional Algorithm (UAX #9).

use std::ops::Range;

use unicode_bidi::{BidiClass, BidiInfo, Level, bidi_class};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    LeftToRight,
    RightToLeft,
}

impl Direction {
    pub(crate) fn level(self) -> Level {
        match self {
            Self::LeftToRight => Level::ltr(),
            Self::RightToLeft => Level::rtl(),
        }
    }
}

/// Returns the direction of the first letter of a text (rules P2 and P3), if it has a letter.
pub(crate) fn direction_of(text: &str) -> Option<Direction> {
    match unicode_bidi::get_base_direction_full(text) {
        unicode_bidi::Direction::Ltr => Some(Direction::LeftToRight),
        unicode_bidi::Direction::Rtl => Some(Direction::RightToLeft),
        unicode_bidi::Direction::Mixed => None,
    }
}

/// Returns the embedding level of each byte of a text, or `None` if all of it goes from left to right.
pub(crate) fn levels(text: &str, base: Direction) -> Option<Vec<Level>> {
    // Most letters have no such character, and finding levels takes as long as shaping.
    let needs_levels = base == Direction::RightToLeft || text.chars().any(affects_direction);
    needs_levels.then(|| levels_with_numbers_isolated(text, base))
}

fn levels_with_numbers_isolated(text: &str, base: Direction) -> Vec<Level> {
    // The algorithm alone shows "01632 960 002" after Hebrew as "002 960 01632", and "81-22-7719" after Arabic as
    // "7719-22-81". It lets those who know where numbers are isolate them (rule HL3).
    const START: &str = "\u{2066}";
    const END: &str = "\u{2069}";
    let mut isolated = String::with_capacity(text.len());
    let mut is_ours = Vec::with_capacity(text.len());
    let mut add = |part: &str, ours: bool| {
        isolated.push_str(part);
        is_ours.extend(std::iter::repeat_n(ours, part.len()));
    };
    let mut copied = 0;
    for number in numbers_after_right_to_left(text, base) {
        add(&text[copied..number.start], false);
        add(START, true);
        add(&text[number.clone()], false);
        add(END, true);
        copied = number.end;
    }
    add(&text[copied..], false);
    let levels = BidiInfo::new(&isolated, Some(base.level())).levels;
    let of_text = levels.into_iter().zip(is_ours).filter(|(_, ours)| !ours);
    of_text.map(|(level, _)| level).collect()
}

/// Finds numbers that follow text from right to left: digits in groups, with a sign of a currency or a country before them.
fn numbers_after_right_to_left(text: &str, base: Direction) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut is_right_to_left = base == Direction::RightToLeft;
    let mut before = ' ';
    let mut next = 0;
    while let Some(character) = text[next..].chars().next() {
        let start = next;
        next += character.len_utf8();
        match bidi_class(character) {
            BidiClass::L => is_right_to_left = false,
            BidiClass::R | BidiClass::AL => is_right_to_left = true,
            _ if is_right_to_left && !before.is_alphanumeric() => {
                if let Some(length) = length_of_number(&text[start..]) {
                    found.push(start..start + length);
                    next = start + length;
                }
            }
            _ => {}
        }
        before = text[..next].chars().next_back().unwrap_or(' ');
    }
    found
}

/// Returns the length of a number at the start of a text. A postcode or a reference with letters is none: its letters give
/// it a direction.
fn length_of_number(text: &str) -> Option<usize> {
    let signs = text.len() - text.trim_start_matches(['£', '€', '$', '+']).len();
    let mut end = signs;
    let mut rest = text[signs..].char_indices().peekable();
    while let Some((index, character)) = rest.next() {
        let joins = matches!(character, ' ' | '\u{a0}' | '.' | ',' | ':' | '/' | '-');
        let digit_follows = rest.peek().is_some_and(|(_, next)| next.is_ascii_digit());
        if character.is_ascii_digit() || (end > signs && character == '%') {
            end = signs + index + character.len_utf8();
        } else if !(end > signs && joins && digit_follows) {
            break;
        }
    }
    let is_part_of_word = text[end..].starts_with(char::is_alphabetic);
    (end > signs && !is_part_of_word).then_some(end)
}

/// Returns the places of runs with these levels, in the order in which they are read, from left to right (rule L2).
pub(crate) fn visual_order(levels: &[Level]) -> Vec<usize> {
    BidiInfo::reorder_visual(levels)
}

/// Invisible marks that only tell the direction of the text beside them.
pub(crate) const fn is_direction_mark(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{61c}')
}

/// Scripts that go from right to left, and direction marks.
const fn affects_direction(character: char) -> bool {
    is_direction_mark(character)
        || matches!(character, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_with_their_groups_and_signs() {
        let found = |text: &str| -> Vec<String> {
            let numbers = numbers_after_right_to_left(text, Direction::RightToLeft);
            numbers
                .into_iter()
                .map(|number| text[number].to_owned())
                .collect()
        };
        assert_eq!(
            found("א £1,250.50, 20% 01632 960 002. +44-20 (12)"),
            ["£1,250.50", "20% 01632 960 002", "+44-20", "12"]
        );
        assert_eq!(found("א RV1 2AB ב 2AB 3x"), [""; 0]);
        assert_eq!(found("12 א call 5 ב 6"), ["12", "6"]);
        assert_eq!(found(""), [""; 0]);
    }

    #[test]
    fn every_byte_has_a_level() {
        for text in ["א 1-2-3", "1 2", "", "\u{200f}", "א\n12 34\nב"] {
            let levels = levels(text, Direction::RightToLeft).unwrap();
            assert_eq!(levels.len(), text.len(), "{text:?}");
        }
    }
}
