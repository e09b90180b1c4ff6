//! The embedded font: coverage, metrics and shaping of text into glyphs.

use std::{collections::BTreeSet, sync::LazyLock};

use harfrust::{Direction, ShapeOptions, Shaper, ShaperData, UnicodeBuffer};
use krilla::text::{Font as EmbeddedFont, GlyphId, KrillaGlyph};
use skrifa::{
    FontRef, MetadataProvider as _, charmap::Charmap, instance::LocationRef, metrics::Metrics,
    prelude::Size,
};

/// Replaces a character that cannot be printed.
const REPLACEMENT: char = '□';

const INTACT: &str = "the font compiled into the program is intact";

/// One weight of the font.
pub(crate) struct Font {
    face: FontRef<'static>,
    shaper_data: ShaperData,
    charmap: Charmap<'static>,
    metrics: Metrics,
    pub(crate) embedded: EmbeddedFont,
}

static REGULAR: LazyLock<Font> =
    LazyLock::new(|| Font::load(include_bytes!("../fonts/LiberationSans-Regular.ttf")));
static BOLD: LazyLock<Font> =
    LazyLock::new(|| Font::load(include_bytes!("../fonts/LiberationSans-Bold.ttf")));

/// Returns the font in the given weight.
pub(crate) fn font(bold: bool) -> &'static Font {
    if bold { &BOLD } else { &REGULAR }
}

/// Shaped text of one weight. Lengths are multiples of the font size.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) bold: bool,
    pub(crate) text: String,
    pub(crate) glyphs: Vec<KrillaGlyph>,
}

impl Run {
    /// Shapes a text that is printable and has no line breaks.
    pub(crate) fn shape(text: &str, bold: bool) -> Self {
        Self {
            bold,
            text: text.to_owned(),
            glyphs: font(bold).shape(text),
        }
    }

    pub(crate) fn width(&self) -> f32 {
        self.glyphs.iter().map(|glyph| glyph.x_advance).sum()
    }

    /// Splits the run before the first glyph that exceeds `width`, but keeps at least one glyph in the first part.
    pub(crate) fn split_to_fit(self, width: f32) -> (Self, Option<Self>) {
        let mut reached = 0.0;
        let mut split = None;
        for glyph in &self.glyphs {
            reached += glyph.x_advance;
            if reached > width && glyph.text_range.start > 0 {
                split = Some(glyph.text_range.start);
                break;
            }
        }
        match split {
            Some(split) => {
                // Both parts are shaped again: kerning across the split is no longer wanted.
                let (before, after) = self.text.split_at(split);
                let rest = Self::shape(after, self.bold);
                (Self::shape(before, self.bold), Some(rest))
            }
            None => (self, None),
        }
    }
}

impl Font {
    fn load(bytes: &'static [u8]) -> Self {
        let face = FontRef::new(bytes).expect(INTACT);
        Self {
            shaper_data: ShaperData::new(&face),
            charmap: face.charmap(),
            metrics: face.metrics(Size::unscaled(), LocationRef::default()),
            embedded: EmbeddedFont::new(bytes.into(), 0).expect(INTACT),
            face,
        }
    }

    /// Returns the height above the baseline as a multiple of the font size.
    pub(crate) fn ascent(&self) -> f32 {
        self.metrics.ascent / self.units_per_em()
    }

    fn units_per_em(&self) -> f32 {
        f32::from(self.metrics.units_per_em)
    }

    /// Replaces every character that cannot be printed by □ and returns which there were. Line breaks are kept.
    pub(crate) fn replace_unprintable(&self, text: &str) -> (String, BTreeSet<char>) {
        let mut replaced = BTreeSet::new();
        let printable = text
            .chars()
            .map(|character| {
                if character == '\n' || self.can_print(character) {
                    character
                } else {
                    replaced.insert(character);
                    REPLACEMENT
                }
            })
            .collect();
        (printable, replaced)
    }

    pub(crate) fn can_print(&self, character: char) -> bool {
        // The font has Hebrew glyphs, but the layout does not support right-to-left text.
        let is_right_to_left = matches!(character, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}');
        let is_private_use = matches!(character, '\u{e000}'..='\u{f8ff}');
        // The character map leaves out what maps to glyph 0, the font's own box for missing characters.
        !is_right_to_left && !is_private_use && self.charmap.map(character).is_some()
    }

    fn shaper(&self) -> Shaper<'_> {
        self.shaper_data.shaper(&self.face).build()
    }

    fn shape(&self, text: &str) -> Vec<KrillaGlyph> {
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        buffer.guess_segment_properties();
        buffer.set_direction(Direction::LeftToRight);
        let shaped = self.shaper().shape(buffer, ShapeOptions::new());
        let (infos, positions) = (shaped.glyph_infos(), shaped.glyph_positions());
        let units_per_em = self.units_per_em();
        #[expect(
            clippy::cast_precision_loss,
            reason = "an advance is a few thousand font units"
        )]
        let scaled = |length: i32| length as f32 / units_per_em;
        // A cluster, such as a letter with a combining mark, can have several glyphs, which all stand for its text: up to
        // the start of the next cluster. Going backwards, that start is already known.
        let (mut next_start, mut start) = (text.len(), text.len());
        let mut glyphs: Vec<KrillaGlyph> = infos
            .iter()
            .zip(positions)
            .rev()
            .map(|(info, position)| {
                let cluster = info.cluster as usize;
                if cluster != start {
                    (next_start, start) = (start, cluster);
                }
                KrillaGlyph::new(
                    GlyphId::new(info.glyph_id),
                    scaled(position.x_advance),
                    scaled(position.x_offset),
                    scaled(position.y_offset),
                    scaled(position.y_advance),
                    cluster..next_start,
                    None,
                )
            })
            .collect();
        glyphs.reverse();
        glyphs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_weights_cover_welsh_greek_and_cyrillic_and_count_what_they_lack() {
        for bold in [false, true] {
            let font = font(bold);
            let text = "Ŵŵ Ŷŷ Ẁẁ Âêîôû – ‘’ “” • £ € … ½ Αθήνα Москва";
            assert_eq!(
                font.replace_unprintable(text),
                (text.to_owned(), BTreeSet::new())
            );
            assert_eq!(font.replace_unprintable("東京 שלום 😀").1.len(), 7);
        }
    }

    #[test]
    fn a_run_splits_before_the_glyph_that_no_longer_fits() {
        let run = Run::shape("aaaaaaaaaa", false);
        let one_letter = run.width() / 10.0;
        let (before, after) = run.clone().split_to_fit(one_letter * 3.5);
        assert_eq!(before.text, "aaa");
        assert_eq!(after.unwrap().text, "aaaaaaa");
        let (before, _) = run.split_to_fit(0.0);
        assert_eq!(before.text, "a");
    }
}
