//! Chooses the font of each part of a text.

use std::collections::BTreeSet;

use unicode_normalization::char::is_combining_mark;

use super::{FontId, families::FAMILIES};
use crate::glyph_cleanup::is_joiner;

/// Replaces a character that cannot be printed.
const REPLACEMENT: char = '□';

/// Returns whether one of the fonts prints a character.
pub(crate) fn can_print(character: char) -> bool {
    is_joiner(character) || FAMILIES.iter().any(|family| family.prints(character))
}

/// Replaces every character that cannot be printed by □ and returns which there were. Line breaks are kept.
pub(crate) fn replace_unprintable(text: &str) -> (String, BTreeSet<char>) {
    let mut replaced = BTreeSet::new();
    let mut replace = |character| {
        if character == '\n' || can_print(character) {
            character
        } else {
            replaced.insert(character);
            REPLACEMENT
        }
    };
    let printable = text.chars().map(&mut replace).collect();
    (printable, replaced)
}

/// Splits a printable text into parts of one font each.
pub(crate) fn split_by_font(text: &str, bold: bool) -> impl Iterator<Item = (&str, FontId)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (mut end, font) = first_cluster(rest, None, bold)?;
        // ASCII has one font, and most letters have little else.
        if rest.is_ascii() {
            end = rest.len();
        }
        while let Some((length, next)) = first_cluster(&rest[end..], Some(font), bold)
            && next == font
        {
            end += length;
        }
        let (part, after) = rest.split_at(end);
        rest = after;
        Some((part, font))
    })
}

/// Returns the length of the first character with its marks, and the font for it, which stands after text in `previous`.
fn first_cluster(text: &str, previous: Option<FontId>, bold: bool) -> Option<(usize, FontId)> {
    let first = text.chars().next()?.len_utf8();
    let continues = |c: char| is_combining_mark(c) || is_joiner(c);
    let end = text[first..]
        .find(|c| !continues(c))
        .map_or(text.len(), |length| first + length);
    if let Some(font) = font_for(&text[..end], previous, bold) {
        return Some((end, font));
    }
    // A letter and a mark that no font has both, such as a Latin letter with a Hebrew point.
    let font = font_for(&text[..first], previous, bold);
    Some((first, font.unwrap_or(FontId::main(bold))))
}

fn font_for(cluster: &str, previous: Option<FontId>, bold: bool) -> Option<FontId> {
    if let Some(font) = previous
        && matches!(cluster, " " | "\u{a0}")
        && font.font().has_glyph(' ')
    {
        // A space as wide as the words around it want, which also keeps a line in one run.
        return Some(font);
    }
    let prints = |family: &usize| {
        let mut characters = cluster.chars();
        characters.all(|c| is_joiner(c) || FAMILIES[*family].prints(c))
    };
    // The main font comes first, so that digits and punctuation look alike in all text; then the font of the word, which
    // shares some signs with others.
    let order = [0].into_iter().chain(previous.map(|font| font.family));
    let family = order.chain(1..FAMILIES.len()).find(prints)?;
    Some(FontId { family, bold })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<&str> {
        split_by_font(text, false).map(|(part, _)| part).collect()
    }

    #[test]
    fn the_languages_that_councils_write_in_are_printable() {
        for text in [
            "Ŵŵ Ŷŷ Ẁẁ Âêîôû – ‘’ “” • £ € … ½ Αθήνα Москва Україна Łódź Iași Đặng ẹ́ ọ̀ ɓ",
            "مجلس المدينة ۱۲۳ پاکستان ٹیکس، کوردی ئێمە پښتو",
            "עיריית לונדון שָׁלוֹם ₪",
            "नगर परिषद् क्षेत्र । नेपाली",
            "পরিষদ কর ক্ষ ঢাকা।",
            "ਕੌਂਸਲ ਟੈਕਸ ਸ੍ਰੀ",
            "કાઉન્સિલ ક્ષ શ્રી",
            "தமிழ் மன்றம் ஸ்ரீ",
            "తెలుగు ಕನ್ನಡ മലയാളം සිංහල ශ්‍රී",
            "Հայերեն ქართული አማርኛ ትግርኛ",
            "市议会 議會稅 東京都です カタカナ 시청 세금 ，。「」",
            "☐ ☑ ☒ ✓ ✔ ✗ ☎ ✉ → ★",
        ] {
            for bold in [false, true] {
                let (printable, replaced) = replace_unprintable(text);
                assert_eq!(
                    (printable.as_str(), replaced.len()),
                    (text, 0),
                    "{replaced:?}"
                );
                let parts: String = split_by_font(text, bold).map(|(part, _)| part).collect();
                assert_eq!(parts, text);
            }
        }
    }

    #[test]
    fn what_no_font_has_is_replaced() {
        let (printable, replaced) = replace_unprintable("a\n😀 ภาษา \u{e000}\u{fffd} 😀");
        assert_eq!(printable, "a\n□ □□□□ □□ □");
        assert_eq!(replaced.len(), 6);
    }

    #[test]
    fn a_word_of_two_scripts_is_split() {
        assert_eq!(parts("Ada"), ["Ada"]);
        assert_eq!(parts("Adaمرحبا12"), ["Ada", "مرحبا", "12"]);
        assert_eq!(parts("市议会A"), ["市议会", "A"]);
    }

    #[test]
    fn spaces_and_full_stops_stay_with_their_words() {
        assert_eq!(parts("שלום עולם"), ["שלום עולם"]);
        assert_eq!(parts("ঢাকা।"), ["ঢাকা।"]);
        assert_eq!(parts("a ঢাকা"), ["a ", "ঢাকা"]);
    }

    #[test]
    fn a_mark_has_the_font_of_its_letter() {
        assert_eq!(parts("שָׁ"), ["שָׁ"]);
        assert_eq!(parts("x\u{301}y"), ["x\u{301}y"]);
        // Liberation Sans has the accent, but not the letter under it.
        assert_eq!(parts("a\u{a7af}\u{301}b"), ["a", "\u{a7af}\u{301}", "b"]);
        // No font has both: each is printed by its own.
        assert_eq!(parts("a\u{5b8}"), ["a", "\u{5b8}"]);
    }
}
