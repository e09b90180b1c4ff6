//! Character classes of templates (`docs/spec/templates.md` §1), besides those in [`crate`].

use unicode_general_category::GeneralCategory;

use crate::unicode_15_1::general_category;

/// Returns whether a character is a letter, has a numeric value, or is `_`. Combining marks do not count; `½` and `²`
/// do.
pub fn is_word(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric() || character == '_';
    }
    is_letter(character) || is_numeric(character)
}

/// Returns whether a character is a decimal digit of any script.
pub fn is_digit(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_digit();
    }
    general_category(character) == GeneralCategory::DecimalNumber
}

/// Returns whether a character is a letter of any script.
pub fn is_letter(character: char) -> bool {
    use GeneralCategory::{
        LowercaseLetter, ModifierLetter, OtherLetter, TitlecaseLetter, UppercaseLetter,
    };
    matches!(
        general_category(character),
        UppercaseLetter | LowercaseLetter | TitlecaseLetter | ModifierLetter | OtherLetter
    )
}

/// Returns whether a character is a digit, a letter number, or another number such as a fraction.
pub fn is_numeric(character: char) -> bool {
    use GeneralCategory::{DecimalNumber, LetterNumber, OtherNumber};
    matches!(
        general_category(character),
        DecimalNumber | LetterNumber | OtherNumber
    )
}

/// Returns whether there is a word boundary between two characters. `None` stands for the start or end of the text.
pub fn is_word_boundary(before: Option<char>, after: Option<char>) -> bool {
    before.is_some_and(is_word) != after.is_some_and(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_made_of_letters_numbers_and_underscores() {
        for member in ['a', 'Z', '7', '_', 'é', '½', '²', 'Ⅷ', '字', '٣'] {
            assert!(is_word(member), "{member}");
        }
        for stranger in [' ', '-', '\u{301}', '’', '€', '🐕', '\u{200D}'] {
            assert!(!is_word(stranger), "{stranger}");
        }
    }

    #[test]
    fn only_decimal_digits_are_digits() {
        assert!(is_digit('4') && is_digit('٣'));
        assert!(!is_digit('½') && !is_digit('²') && !is_digit('Ⅷ') && !is_digit('a'));
    }

    #[test]
    fn the_ends_of_a_text_count_as_no_word() {
        assert!(is_word_boundary(None, Some('a')));
        assert!(is_word_boundary(Some('a'), Some(' ')));
        assert!(!is_word_boundary(Some('a'), Some('b')));
        assert!(!is_word_boundary(Some('-'), None));
        assert!(!is_word_boundary(None, None));
    }
}
