//! Finds the characters of a text or a letter that cannot be printed, without typesetting it.

use std::collections::BTreeSet;

use templates::{
    letters::{AddressLines, Language, Letter, LetterTemplate},
    placeholders::Values,
};
use text::html_escape::decode_strict;
use unicode_normalization::UnicodeNormalization as _;

use crate::{fonts::can_print, glyph_cleanup::is_invisible};

/// Returns the characters of a plain text that cannot be printed, without duplicates, by code point.
pub fn unprintable_characters(text: &str) -> Vec<char> {
    let mut found = BTreeSet::new();
    collect(text, &mut found);
    found.into_iter().collect()
}

/// Returns the characters of a letter filled with `values` that cannot be printed, without duplicates, by code point.
///
/// The data of QR codes is not printed as text and may have any characters.
pub fn unprintable_in_letter(template: &LetterTemplate, values: &Values) -> Vec<char> {
    let mut found = BTreeSet::new();
    let english = template.fill(values);
    collect_from(&english, &mut found);
    if template.has_welsh() {
        collect_from(&template.fill_in(Language::Welsh, values), &mut found);
    }
    collect(&decode_strict(&english.contact_block()), &mut found);
    match english.address_lines() {
        AddressLines::Address(lines) | AddressLines::Placeholders(lines) => {
            for line in lines {
                collect(&decode_strict(&line), &mut found);
            }
        }
    }
    found.into_iter().collect()
}

fn collect_from(letter: &Letter<'_>, found: &mut BTreeSet<char>) {
    collect(&decode_strict(&letter.subject()), found);
    for line in decode_strict(&letter.content()).split('\n') {
        if !is_qr_code(line) {
            collect(line, found);
        }
    }
}

/// Returns whether a line of a letter's content is a QR code: `qr` and a colon (`docs/spec/templates.md` §10.3).
pub fn is_qr_code(line: &str) -> bool {
    let line = line.trim_start();
    line.get(..2)
        .is_some_and(|label| label.eq_ignore_ascii_case("qr"))
        && line[2..].trim_start().starts_with(':')
}

fn collect(text: &str, found: &mut BTreeSet<char>) {
    // Most letters are ASCII, of which every visible character can be printed.
    if text.is_ascii() {
        return;
    }
    // Composed first, as for printing: the font may have a letter with its accent and lack the accent alone.
    for character in text.nfc() {
        let is_shown = !character.is_whitespace() && !is_invisible(character);
        // The non-breaking hyphen is printed as the common one.
        if is_shown && character != '\u{2011}' && !can_print(character) {
            found.insert(character);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unprintable_characters_are_named_once() {
        assert!(unprintable_characters("Zoe\u{308} Ŵyn\u{2011}1\u{200d} – €").is_empty());
        assert_eq!(
            unprintable_characters("ไทย 東 \u{fffd} 😀 ไ"),
            ['ท', 'ย', 'ไ', '\u{fffd}', '😀']
        );
    }

    #[test]
    fn every_text_of_a_letter_is_checked_but_qr_codes() {
        let template = LetterTemplate::parse("s ((a))", "c ((b))\n\nQR : ((c))")
            .with_contact_block("k 🏛")
            .with_welsh("w ((d))", "x");
        let values: Values = [
            ("a", json!("ม")),
            ("b", json!("&amp;ກ")),
            ("c", json!("🚮")),
            ("d", json!("😀")),
            ("address line 1", json!("ខ")),
            ("address line 2", json!("x")),
            ("postcode", json!("SW1A 1AA")),
        ]
        .into_iter()
        .collect();
        let found: String = unprintable_in_letter(&template, &values)
            .into_iter()
            .collect();
        assert_eq!(found, "มກខ🏛😀");
    }
}
