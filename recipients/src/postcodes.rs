//! UK postcodes: format and printing (`docs/spec/recipients.md` §4).

use std::{collections::HashSet, sync::LazyLock};

use text::{self, unicode_15_1::upper};

/// Removes plain, zero-width and no-break spaces and converts to upper case.
pub fn normalised(postcode: &str) -> String {
    upper(&text::remove_whitespace(postcode))
}

/// Returns whether the text has the format of a UK postcode.
pub fn is_real(postcode: &str) -> bool {
    has_shape(&normalised(postcode))
}

/// Formats a postcode for printing, with a space before the last three characters, whether it is well-formed or not.
pub fn formatted_for_printing(postcode: &str) -> String {
    spaced(&normalised(postcode))
}

/// Formats a postcode for printing if it has the format of a UK postcode.
pub fn formatted_or_none(postcode: &str) -> Option<String> {
    let normalised = normalised(postcode);
    has_shape(&normalised).then(|| spaced(&normalised))
}

fn spaced(normalised: &str) -> String {
    let inward = normalised
        .char_indices()
        .rev()
        .nth(2)
        .map_or(0, |(index, _)| index);
    let (outward, inward) = normalised.split_at(inward);
    format!("{outward} {inward}")
}

fn has_shape(normalised: &str) -> bool {
    let Some((outward, [digit, first, second])) = normalised.as_bytes().split_last_chunk() else {
        return false;
    };
    digit.is_ascii_digit()
        && is_inward_letter(*first)
        && is_inward_letter(*second)
        && is_outward(outward)
}

fn is_inward_letter(byte: u8) -> bool {
    // Letters that look like digits or each other when written by hand.
    byte.is_ascii_uppercase() && !b"CIKMOV".contains(&byte)
}

/// Matches an area, a digit, and an optional digit or letter.
fn is_outward(outward: &[u8]) -> bool {
    is_area_with_digit(outward)
        || outward.split_last().is_some_and(|(last, rest)| {
            (last.is_ascii_digit() || last.is_ascii_uppercase()) && is_area_with_digit(rest)
        })
}

fn is_area_with_digit(text: &[u8]) -> bool {
    text.split_last()
        // Only the area is looked up, so a well-formed postcode need not be in use.
        .is_some_and(|(digit, area)| digit.is_ascii_digit() && AREAS.contains(area))
}

static AREAS: LazyLock<HashSet<Vec<u8>>> = LazyLock::new(|| {
    let areas: Vec<String> = serde_json::from_str(include_str!("../data/uk_postcode_areas.json"))
        .expect("the table of postcode areas is a list of texts");
    areas.into_iter().map(String::into_bytes).collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_postcode_is_known_by_its_shape() {
        for real in [
            "SW1A 1AA",
            "n1 1aa",
            "EC1A1BB",
            "GIR0 0AA",
            "\u{17F}1 1aa",
            "E12 6PQ",
            "B1\u{A0}1 AA",
        ] {
            assert!(is_real(real), "{real}");
        }
        for other in [
            "",
            "1AA",
            "SW1A 1AC",
            "XX1 1AA",
            "GIR 0AA",
            "N1-1AA",
            "N\u{661} 1AA",
            "N123 1AA",
            "N1\u{2003}1AA",
        ] {
            assert!(!is_real(other), "{other}");
        }
    }

    #[test]
    fn printing_puts_a_space_before_the_last_three() {
        assert_eq!(formatted_for_printing("sw1a1aa"), "SW1A 1AA");
        assert_eq!(formatted_for_printing("\u{df}"), " SS");
        assert_eq!(formatted_for_printing("a\u{e9}b\u{e9}"), "A \u{c9}B\u{c9}");
        assert_eq!(formatted_or_none("nowhere"), None);
    }
}
