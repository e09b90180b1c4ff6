//! Nameprep (RFC 3491): normalisation of non-ASCII labels.

use stringprep::tables;

use super::unicode_3_2;
use text::unicode_15_1::lower_character;

/// Folds and normalises a label; `None` if it contains prohibited characters.
pub(super) fn nameprep(label: &str) -> Option<String> {
    let folded: String = label
        .chars()
        .filter(|&character| !tables::commonly_mapped_to_nothing(character))
        .flat_map(folded)
        .collect();
    let prepared = unicode_3_2::nfkc(&folded);
    // Code points unassigned in Unicode 3.2 are allowed, as RFC 3490 specifies for queries. The nameprep of `stringprep`
    // rejects them, so only its tables are used.
    (!prepared.chars().any(is_prohibited) && reads_one_way(&prepared)).then_some(prepared)
}

/// Folds a character by table B.2. Letters that gained a lower case since then are folded through it.
fn folded(character: char) -> impl Iterator<Item = char> {
    tables::case_fold_for_nfkc(character)
        .flat_map(lower_character)
        .flat_map(tables::case_fold_for_nfkc)
}

fn is_prohibited(character: char) -> bool {
    !character.is_ascii()
        && (tables::non_ascii_space_character(character)
            || tables::non_ascii_control_character(character)
            || tables::private_use(character)
            || tables::non_character_code_point(character)
            || tables::inappropriate_for_plain_text(character)
            || tables::inappropriate_for_canonical_representation(character)
            || tables::change_display_properties_or_deprecated(character)
            || tables::tagging_character(character))
}

/// Returns whether a label with right-to-left letters has no others, and begins and ends with them.
fn reads_one_way(label: &str) -> bool {
    if !label.chars().any(unicode_3_2::runs_to_the_left) {
        return true;
    }
    !label.chars().any(unicode_3_2::runs_to_the_right)
        && label.starts_with(unicode_3_2::runs_to_the_left)
        && label.ends_with(unicode_3_2::runs_to_the_left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_folded_and_normalised() {
        assert_eq!(
            nameprep("B\u{DC}cher\u{AD}").as_deref(),
            Some("b\u{FC}cher")
        );
        assert_eq!(
            nameprep("stra\u{DF}e\u{1E9E}").as_deref(),
            Some("strassess")
        );
        assert_eq!(
            nameprep("\u{3A3}\u{3C2}\u{FF21}").as_deref(),
            Some("\u{3C3}\u{3C3}a")
        );
        assert_eq!(nameprep("\u{2026}").as_deref(), Some("..."));
    }

    #[test]
    fn what_a_label_must_not_have_is_refused() {
        for label in [
            "a\u{3000}\u{2028}",
            "\u{E000}",
            "\u{FFFD}",
            "\u{200E}a\u{E9}",
        ] {
            assert_eq!(nameprep(label), None, "{label:?}");
        }
    }

    #[test]
    fn a_label_runs_one_way() {
        assert!(nameprep("\u{5D0}1\u{5D1}").is_some());
        assert!(nameprep("\u{5D0}1").is_none());
        assert!(nameprep("\u{5D0}a\u{5D1}").is_none());
        assert!(nameprep("\u{1F600}").is_some());
    }
}
