//! Character properties of Unicode 3.2, on which IDNA 2003 is based.

use stringprep::tables;
use unicode_normalization::char::{canonical_combining_class, compose, decompose_compatible};

/// Normalises to form KC. Code points unassigned in Unicode 3.2 stay unchanged.
pub(super) fn nfkc(text: &str) -> String {
    composed(&in_canonical_order(decomposed(text)))
}

/// Returns whether the bidirectional class was R or AL (RFC 3454, table D.1).
pub(super) fn runs_to_the_left(character: char) -> bool {
    tables::bidi_r_or_al(character) && !tables::unassigned_code_point(character)
}

/// Returns whether the bidirectional class was L (RFC 3454, table D.2).
pub(super) fn runs_to_the_right(character: char) -> bool {
    match character {
        // Their class has changed since.
        '\u{CBF}' | '\u{CC6}' | '\u{1734}' | '\u{2800}'..='\u{28FF}' | '\u{302E}' | '\u{302F}' => {
            false
        }
        '\u{17B4}' | '\u{17B5}' | '\u{1885}' | '\u{1886}' => true,
        _ => tables::bidi_l(character) && !tables::unassigned_code_point(character),
    }
}

fn decomposed(text: &str) -> Vec<char> {
    let mut decomposed = Vec::with_capacity(text.len());
    for character in text.chars() {
        if tables::unassigned_code_point(character) {
            decomposed.push(character);
        } else if let Some(then) = before_corrigendum_4(character) {
            decomposed.push(then);
        } else {
            decompose_compatible(character, |part| decomposed.push(part));
        }
    }
    decomposed
}

/// Returns the decomposition of an ideograph before Unicode 4.0, where five of them were wrong (Corrigendum #4).
fn before_corrigendum_4(character: char) -> Option<char> {
    Some(match character {
        '\u{2F868}' => '\u{2136A}',
        '\u{2F874}' => '\u{5F33}',
        '\u{2F91F}' => '\u{43AB}',
        '\u{2F95F}' => '\u{7AAE}',
        '\u{2F9BF}' => '\u{4D57}',
        _ => return None,
    })
}

fn in_canonical_order(mut text: Vec<char>) -> Vec<char> {
    let is_starter = |&character: &char| canonical_combining_class(character) == 0;
    for marks in text.split_mut(is_starter) {
        // The sort must be stable: marks of one class keep their order.
        marks.sort_by_key(|&mark| canonical_combining_class(mark));
    }
    text
}

/// Composes each mark with the preceding starter where a composed character exists.
fn composed(text: &[char]) -> String {
    let mut composed: Vec<char> = Vec::with_capacity(text.len());
    let mut starter: Option<usize> = None;
    // Class of the last mark since the starter that was not composed.
    let mut last_class = 0;
    for &character in text {
        let class = canonical_combining_class(character);
        if let Some(place) = starter {
            let directly_after = place + 1 == composed.len();
            let joined = compose(composed[place], character)
                .filter(|_| directly_after || last_class < class);
            if let Some(joined) = joined {
                composed[place] = joined;
                continue;
            }
        }
        if class == 0 {
            starter = Some(composed.len());
        }
        last_class = class;
        composed.push(character);
    }
    composed.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compatible_characters_become_one() {
        assert_eq!(
            nfkc("\u{FB01}e\u{301}\u{327}\u{1100}\u{1161}\u{11A8}"),
            "fi\u{229}\u{301}\u{AC01}"
        );
        assert_eq!(nfkc("\u{2460}"), "1");
    }

    #[test]
    fn what_came_later_stays_as_it_is() {
        assert_eq!(
            nfkc("\u{1F100}\u{1F600}\u{FA6B}"),
            "\u{1F100}\u{1F600}\u{FA6B}"
        );
        assert_eq!(nfkc("\u{2F874}"), "\u{5F33}");
    }

    #[test]
    fn only_directions_of_the_time_count() {
        assert!(runs_to_the_left('\u{5D0}') && runs_to_the_right('a'));
        assert!(!runs_to_the_left('\u{7CA}') && !runs_to_the_right('\u{1F110}'));
        assert!(!runs_to_the_right('\u{2801}') && runs_to_the_right('\u{1885}'));
    }
}
