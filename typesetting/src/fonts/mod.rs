//! The embedded fonts: which one prints a text, metrics, and shaping of text into glyphs.

mod fallback;
mod families;

use harfrust::{Direction as ShapingDirection, ShapeOptions, Shaper, ShaperData, UnicodeBuffer};
use krilla::text::{Font as EmbeddedFont, GlyphId, KrillaGlyph};
use skrifa::{
    FontRef, MetadataProvider as _, charmap::Charmap, instance::LocationRef, metrics::Metrics,
    prelude::Size,
};
use unicode_bidi::Level;

pub(crate) use fallback::{can_print, replace_unprintable, split_by_font};
use families::FAMILIES;

const INTACT: &str = "the font compiled into the program is intact";

/// One weight of one embedded font.
pub(crate) struct Font {
    face: FontRef<'static>,
    shaper_data: ShaperData,
    charmap: Charmap<'static>,
    metrics: Metrics,
    pub(crate) embedded: EmbeddedFont,
}

/// Names a font of the table of families.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FontId {
    family: usize,
    bold: bool,
}

impl FontId {
    /// Returns the font that sets most letters.
    pub(crate) const fn main(bold: bool) -> Self {
        Self { family: 0, bold }
    }

    pub(crate) fn font(self) -> &'static Font {
        FAMILIES[self.family].font(self.bold)
    }

    /// Returns whether the text is to be bold and the font has no bold weight.
    pub(crate) fn needs_thicker_outline(self) -> bool {
        self.bold && !FAMILIES[self.family].has_bold()
    }
}

/// Shaped text of one font and direction. Lengths are multiples of the font size.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) font: FontId,
    /// Odd if the text goes from right to left.
    pub(crate) level: Level,
    pub(crate) text: String,
    /// From left to right, whatever the direction of the text.
    pub(crate) glyphs: Vec<KrillaGlyph>,
}

impl Run {
    /// Shapes a text that `font` prints and that has no line breaks.
    pub(crate) fn shape(text: &str, font: FontId, level: Level) -> Self {
        Self {
            font,
            level,
            text: text.to_owned(),
            glyphs: font.font().shape(text, level.is_rtl()),
        }
    }

    pub(crate) fn width(&self) -> f32 {
        self.glyphs.iter().map(|glyph| glyph.x_advance).sum()
    }

    /// Returns the width of the text from the byte `start` on.
    pub(crate) fn width_from(&self, start: usize) -> f32 {
        let after = self
            .glyphs
            .iter()
            .filter(|glyph| glyph.text_range.start >= start);
        after.map(|glyph| glyph.x_advance).sum()
    }

    /// Returns the glyphs in slices for a PDF, in the order of reading, each with the distance of its left end from that of
    /// the run.
    ///
    /// Within a slice, glyphs stand for one text after the other, either all forwards or all backwards. Otherwise, as where
    /// Hebrew letters have points, a reader of the PDF could not tell in which order to copy them.
    pub(crate) fn slices_as_read(&self) -> Vec<(&[KrillaGlyph], f32)> {
        let mut clusters = self.glyphs.windows(2);
        let goes_one_way =
            !self.level.is_rtl() || clusters.all(|pair| pair[0].text_range != pair[1].text_range);
        if goes_one_way {
            return vec![(&self.glyphs, 0.0)];
        }
        let mut x = 0.0;
        let clusters = self
            .glyphs
            .chunk_by(|one, next| one.text_range == next.text_range);
        let mut slices: Vec<(&[KrillaGlyph], f32)> = clusters
            .map(|cluster| {
                let start = x;
                x += cluster.iter().map(|glyph| glyph.x_advance).sum::<f32>();
                (cluster, start)
            })
            .collect();
        slices.reverse();
        slices
    }

    /// Appends a run of the same font and level.
    pub(crate) fn append(&mut self, next: Self) {
        let offset = self.text.len();
        self.text.push_str(&next.text);
        let moved = next.glyphs.into_iter().map(|mut glyph| {
            glyph.text_range = glyph.text_range.start + offset..glyph.text_range.end + offset;
            glyph
        });
        // What is read later stands to the left in text that goes from right to left.
        let at = if self.level.is_rtl() {
            0
        } else {
            self.glyphs.len()
        };
        self.glyphs.splice(at..at, moved);
    }

    /// Returns the advance of the glyph that is read first.
    pub(crate) fn first_advance(&self) -> f32 {
        self.glyphs_as_read()
            .next()
            .map_or(0.0, |glyph| glyph.x_advance)
    }

    fn glyphs_as_read(&self) -> impl Iterator<Item = &KrillaGlyph> {
        let (forwards, backwards) = if self.level.is_rtl() {
            (None, Some(self.glyphs.iter().rev()))
        } else {
            (Some(self.glyphs.iter()), None)
        };
        forwards
            .into_iter()
            .flatten()
            .chain(backwards.into_iter().flatten())
    }

    /// Splits the run before the first glyph that exceeds `width`, but keeps at least one glyph in the first part.
    pub(crate) fn split_to_fit(self, width: f32) -> (Self, Option<Self>) {
        let mut reached = 0.0;
        let mut split = None;
        for glyph in self.glyphs_as_read() {
            reached += glyph.x_advance;
            if reached > width && glyph.text_range.start > 0 {
                split = Some(glyph.text_range.start);
                break;
            }
        }
        match split {
            Some(split) => {
                let (before, after) = self.split_at(split);
                (before, Some(after))
            }
            None => (self, None),
        }
    }

    /// Splits the run before the byte `index` of its text.
    pub(crate) fn split_at(&self, index: usize) -> (Self, Self) {
        // Both parts are shaped again: kerning and joining across the split are no longer wanted.
        let (before, after) = self.text.split_at(index);
        (
            Self::shape(before, self.font, self.level),
            Self::shape(after, self.font, self.level),
        )
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

    fn has_glyph(&self, character: char) -> bool {
        // The character map leaves out what maps to glyph 0, the font's own box for missing characters.
        self.charmap.map(character).is_some()
    }

    fn shaper(&self) -> Shaper<'_> {
        self.shaper_data.shaper(&self.face).build()
    }

    fn shape(&self, text: &str, right_to_left: bool) -> Vec<KrillaGlyph> {
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        // The text is of one script: of another one it would have another font.
        buffer.guess_segment_properties();
        // The guess goes by the script; in a sentence from right to left, numbers go from left to right.
        buffer.set_direction(if right_to_left {
            ShapingDirection::RightToLeft
        } else {
            ShapingDirection::LeftToRight
        });
        let shaped = self.shaper().shape(buffer, ShapeOptions::new());
        let (infos, positions) = (shaped.glyph_infos(), shaped.glyph_positions());
        let ends = cluster_ends(infos.iter().map(|info| info.cluster as usize), text.len());
        let units_per_em = self.units_per_em();
        #[expect(
            clippy::cast_precision_loss,
            reason = "an advance is a few thousand font units"
        )]
        let scaled = |length: i32| length as f32 / units_per_em;
        let glyphs = infos.iter().zip(positions).zip(ends);
        glyphs
            .map(|((info, position), end)| {
                KrillaGlyph::new(
                    GlyphId::new(info.glyph_id),
                    scaled(position.x_advance),
                    scaled(position.x_offset),
                    scaled(position.y_offset),
                    scaled(position.y_advance),
                    info.cluster as usize..end,
                    None,
                )
            })
            .collect()
    }
}

/// Returns for each glyph where the text ends that it stands for, given where that text starts.
///
/// A cluster, such as a letter with a combining mark, can have several glyphs, which all stand for its text: up to the
/// start of the next cluster, which comes later or, in text from right to left, earlier.
fn cluster_ends(starts: impl Iterator<Item = usize> + Clone, text_length: usize) -> Vec<usize> {
    let mut sorted: Vec<usize> = starts.clone().chain([text_length]).collect();
    sorted.sort_unstable();
    sorted.dedup();
    let end_of = |start| sorted[sorted.partition_point(|&other| other <= start)];
    starts.map(end_of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left_to_right(text: &str) -> Run {
        shape(text, Level::ltr())
    }

    fn right_to_left(text: &str) -> Run {
        shape(text, Level::rtl())
    }

    fn shape(text: &str, level: Level) -> Run {
        let mut segments = split_by_font(text, false);
        let (segment, font) = segments.next().expect("a text");
        assert_eq!((segment, segments.next()), (text, None), "one font");
        Run::shape(text, font, level)
    }

    /// The text of each glyph, from left to right.
    fn shown(run: &Run) -> Vec<&str> {
        let ranges = run.glyphs.iter().map(|glyph| glyph.text_range.clone());
        ranges.map(|range| &run.text[range]).collect()
    }

    #[test]
    fn a_run_splits_before_the_glyph_that_no_longer_fits() {
        let run = left_to_right("aaaaaaaaaa");
        let one_letter = run.width() / 10.0;
        let (before, after) = run.clone().split_to_fit(one_letter * 3.5);
        assert_eq!(before.text, "aaa");
        assert_eq!(after.unwrap().text, "aaaaaaa");
        let (before, _) = run.split_to_fit(0.0);
        assert_eq!(before.text, "a");
    }

    #[test]
    fn hebrew_and_arabic_stand_from_right_to_left() {
        assert_eq!(shown(&right_to_left("שלום")), ["ם", "ו", "ל", "ש"]);
        assert_eq!(shown(&right_to_left("مرحب")), ["ب", "ح", "ر", "م"]);
        let (before, after) = right_to_left("שלום").split_to_fit(0.0);
        assert_eq!(
            (before.text, after.unwrap().text),
            ("ש".into(), "לום".into())
        );
    }

    #[test]
    fn arabic_letters_join() {
        let glyph = |run: &Run, index: usize| run.glyphs[index].glyph_id;
        let alone = right_to_left("ب");
        // At the end of a word, after a letter that joins, and at its beginning.
        let word = right_to_left("ببب");
        assert_ne!(glyph(&word, 0), glyph(&alone, 0));
        assert_ne!(glyph(&word, 0), glyph(&word, 2));
        // Lam and alif become one glyph.
        assert_eq!(right_to_left("لا").glyphs.len(), 1);
    }

    #[test]
    fn marks_belong_to_the_letter_under_them() {
        for text in ["בָ", "مّ", "कि", "ক্ষ", "ਕੀ", "தி"] {
            let is_hebrew_or_arabic = text < "\u{900}";
            let run = shape(text, Level::from(u8::from(is_hebrew_or_arabic)));
            assert!(shown(&run).iter().all(|part| *part == text), "{run:?}");
            assert!(run.width() > 0.3);
        }
    }

    #[test]
    fn letters_with_marks_are_drawn_in_the_order_of_reading() {
        let run = right_to_left("שָׁלוֹם");
        let slices = run.slices_as_read();
        let read: Vec<&str> = slices
            .iter()
            .map(|(glyphs, _)| &run.text[glyphs[0].text_range.clone()])
            .collect();
        assert_eq!(read, ["שָׁ", "ל", "וֹ", "ם"]);
        assert!(slices.is_sorted_by(|one, next| one.1 > next.1));
        assert_eq!(right_to_left("שלום").slices_as_read().len(), 1);
    }

    #[test]
    fn appended_text_stands_after_what_is_read_first() {
        let mut run = right_to_left("של");
        run.append(right_to_left("ום"));
        assert_eq!(shown(&run), ["ם", "ו", "ל", "ש"]);
        let mut run = left_to_right("ab");
        run.append(left_to_right("cd"));
        assert_eq!(shown(&run), ["a", "b", "c", "d"]);
        assert!((run.width_from(2) - left_to_right("cd").width()).abs() < 1e-6);
    }
}
