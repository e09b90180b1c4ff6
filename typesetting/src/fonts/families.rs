//! The fonts that are compiled into the program, and which characters each may print. What it costs and what stays
//! unprintable: `docs/decisions/letters-fonts.md`.

use std::{ops::RangeInclusive, sync::LazyLock};

use super::Font;

/// A typeface in the weights that are shipped.
pub(super) struct Family {
    regular: LazyLock<Font>,
    /// Made from the regular weight by a thicker outline where it is missing.
    bold: Option<LazyLock<Font>>,
    /// What the family is used for. Fonts also have characters of other scripts, drawn for their own text only.
    characters: &'static [RangeInclusive<char>],
}

impl Family {
    pub(super) fn font(&self, bold: bool) -> &Font {
        match &self.bold {
            Some(font) if bold => font,
            _ => &self.regular,
        }
    }

    pub(super) const fn has_bold(&self) -> bool {
        self.bold.is_some()
    }

    /// Returns whether the family prints a character in both weights.
    pub(super) fn prints(&self, character: char) -> bool {
        // The ranges are compared first, so that no font is loaded for a character that it is not used for.
        self.characters
            .iter()
            .any(|range| range.contains(&character))
            && self.regular.has_glyph(character)
            && self
                .bold
                .as_ref()
                .is_none_or(|bold| bold.has_glyph(character))
    }
}

macro_rules! family {
    ($name:literal, $($characters:expr),+) => {
        Family {
            regular: LazyLock::new(|| {
                Font::load(include_bytes!(concat!("../../fonts/", $name, "-Regular.ttf")))
            }),
            bold: Some(LazyLock::new(|| {
                Font::load(include_bytes!(concat!("../../fonts/", $name, "-Bold.ttf")))
            })),
            characters: &[$($characters),+],
        }
    };
}

/// All families. The first one that prints a text sets it, so the order decides where several can.
pub(super) static FAMILIES: [Family; 18] = [
    // Without its Hebrew, whose points the font cannot place.
    family!(
        "LiberationSans",
        '\0'..='\u{58f}',
        '\u{900}'..='\u{d7ff}',
        '\u{f900}'..='\u{fb1c}',
        '\u{fe00}'..='\u{fe6f}',
        '\u{ff00}'..='\u{ffef}'
    ),
    // Letters that Liberation Sans lacks, such as those of African and historic alphabets, and all accents for them.
    family!(
        "NotoSans",
        '\0'..='\u{58f}',
        '\u{1ab0}'..='\u{2bff}',
        '\u{2c60}'..='\u{2c7f}',
        '\u{2de0}'..='\u{2e5f}',
        '\u{a640}'..='\u{ab6f}',
        '\u{fb00}'..='\u{fb06}',
        '\u{fe20}'..='\u{fe2f}'
    ),
    family!(
        "NotoSansArabic",
        '\u{600}'..='\u{6ff}',
        '\u{750}'..='\u{77f}',
        '\u{870}'..='\u{8ff}',
        '\u{fb50}'..='\u{fdff}',
        '\u{fe70}'..='\u{fefc}'
    ),
    family!(
        "NotoSansHebrew",
        '\u{590}'..='\u{5ff}',
        '\u{fb1d}'..='\u{fb4f}'
    ),
    family!(
        "NotoSansDevanagari",
        '\u{900}'..='\u{97f}',
        '\u{1cd0}'..='\u{1cff}',
        '\u{a8e0}'..='\u{a8ff}'
    ),
    // Each has the full stops of the Devanagari block, and a sentence keeps the font of its words.
    family!(
        "NotoSansBengali",
        '\u{951}'..='\u{965}',
        '\u{980}'..='\u{9ff}'
    ),
    family!(
        "NotoSansGurmukhi",
        '\u{951}'..='\u{965}',
        '\u{a00}'..='\u{a7f}'
    ),
    family!(
        "NotoSansGujarati",
        '\u{951}'..='\u{965}',
        '\u{a80}'..='\u{aff}'
    ),
    family!(
        "NotoSansTamil",
        '\u{951}'..='\u{965}',
        '\u{b80}'..='\u{bff}'
    ),
    family!(
        "NotoSansTelugu",
        '\u{951}'..='\u{965}',
        '\u{c00}'..='\u{c7f}'
    ),
    family!(
        "NotoSansKannada",
        '\u{951}'..='\u{965}',
        '\u{c80}'..='\u{cff}'
    ),
    family!(
        "NotoSansMalayalam",
        '\u{951}'..='\u{965}',
        '\u{d00}'..='\u{d7f}'
    ),
    family!(
        "NotoSansSinhala",
        '\u{951}'..='\u{965}',
        '\u{d80}'..='\u{dff}'
    ),
    family!(
        "NotoSansArmenian",
        '\u{530}'..='\u{58f}',
        '\u{fb13}'..='\u{fb17}'
    ),
    family!(
        "NotoSansGeorgian",
        '\u{10a0}'..='\u{10ff}',
        '\u{1c90}'..='\u{1cbf}',
        '\u{2d00}'..='\u{2d2f}'
    ),
    family!(
        "NotoSansEthiopic",
        '\u{1200}'..='\u{139f}',
        '\u{2d80}'..='\u{2ddf}',
        '\u{ab00}'..='\u{ab2f}'
    ),
    // A bold weight would add 2.4 MB for headings only.
    Family {
        regular: LazyLock::new(|| {
            Font::load(include_bytes!("../../fonts/NotoSansCJKsc-Regular.otf"))
        }),
        bold: None,
        characters: &[
            '\u{3000}'..='\u{30ff}',
            '\u{4e00}'..='\u{9fff}',
            '\u{ac00}'..='\u{d7a3}',
            '\u{ff00}'..='\u{ffef}',
        ],
    },
    Family {
        regular: LazyLock::new(|| {
            Font::load(include_bytes!("../../fonts/NotoSansSymbols2-Regular.ttf"))
        }),
        bold: None,
        characters: &['\u{2300}'..='\u{27bf}'],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_font_prints_characters_of_its_ranges_in_all_its_weights() {
        for (index, family) in FAMILIES.iter().enumerate() {
            let all = family.characters.iter().cloned().flatten();
            let (mut printed, mut one_weight) = (0, 0);
            for character in all {
                let has = |bold| family.font(bold).has_glyph(character);
                printed += usize::from(family.prints(character));
                one_weight += usize::from(has(false) != has(true));
            }
            assert!(printed > 60, "family {index} prints {printed}");
            assert_eq!(one_weight, 0, "family {index} has them in one weight only");
        }
    }
}
