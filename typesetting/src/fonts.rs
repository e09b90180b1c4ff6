//! The font, and words as its glyphs.

use std::sync::LazyLock;

use krilla::text::{Font as Embedded, GlyphId, KrillaGlyph};
use rustybuzz::{Direction, Face, UnicodeBuffer};

/// What stands for a character that cannot be printed.
const MISSING: char = '□';

/// One weight of the font.
pub(crate) struct Font {
    face: Face<'static>,
    pub(crate) embedded: Embedded,
}

static REGULAR: LazyLock<Font> =
    LazyLock::new(|| Font::read(include_bytes!("../fonts/LiberationSans-Regular.ttf")));
static BOLD: LazyLock<Font> =
    LazyLock::new(|| Font::read(include_bytes!("../fonts/LiberationSans-Bold.ttf")));

/// The font in this weight.
pub(crate) fn font(bold: bool) -> &'static Font {
    if bold { &BOLD } else { &REGULAR }
}

/// Words in the glyphs of one weight of the font. Lengths are parts of the font's size.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) bold: bool,
    pub(crate) text: String,
    pub(crate) glyphs: Vec<KrillaGlyph>,
}

impl Run {
    pub(crate) fn width(&self) -> f32 {
        self.glyphs.iter().map(|glyph| glyph.x_advance).sum()
    }

    /// Parts it before the glyph that would no longer fit; at least one glyph comes before.
    pub(crate) fn split_to_fit(self, width: f32) -> (Self, Option<Self>) {
        let mut reached = 0.0;
        let mut place = None;
        for glyph in &self.glyphs {
            reached += glyph.x_advance;
            if reached > width && glyph.text_range.start > 0 {
                place = Some(glyph.text_range.start);
                break;
            }
        }
        match place {
            Some(place) => {
                let (before, after) = self.text.split_at(place);
                let font = font(self.bold);
                let rest = Self {
                    bold: self.bold,
                    glyphs: font.glyphs(after),
                    text: after.to_owned(),
                };
                let kept = Self {
                    bold: self.bold,
                    glyphs: font.glyphs(before),
                    text: before.to_owned(),
                };
                (kept, Some(rest))
            }
            None => (self, None),
        }
    }
}

impl Font {
    fn read(bytes: &'static [u8]) -> Self {
        Self {
            face: Face::from_slice(bytes, 0).expect("the font that travels with us is whole"),
            embedded: Embedded::new(bytes.into(), 0)
                .expect("the font that travels with us is whole"),
        }
    }

    /// How far up from the baseline the letters reach, as a part of the size.
    pub(crate) fn ascent(&self) -> f32 {
        f32::from(self.face.ascender()) / self.units()
    }

    fn units(&self) -> f32 {
        #[expect(clippy::cast_precision_loss, reason = "a font has some thousand units")]
        let units = self.face.units_per_em() as f32;
        units
    }

    /// A text in which every character can be printed, and how many could not.
    pub(crate) fn printable(&self, text: &str) -> (String, usize) {
        let mut missing = 0;
        let printable = text
            .chars()
            .map(|character| {
                if character == '\n' || self.prints(character) {
                    character
                } else {
                    missing += 1;
                    MISSING
                }
            })
            .collect();
        (printable, missing)
    }

    fn prints(&self, character: char) -> bool {
        // The font has Hebrew, but nothing here sets from right to left.
        let runs_left = matches!(character, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}');
        let is_private = matches!(character, '\u{e000}'..='\u{f8ff}');
        !runs_left
            && !is_private
            && self
                .face
                .glyph_index(character)
                .is_some_and(|glyph| glyph.0 != 0)
    }

    /// The glyphs of a text that is [`Font::printable`] and has no line ends.
    pub(crate) fn glyphs(&self, text: &str) -> Vec<KrillaGlyph> {
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        buffer.guess_segment_properties();
        buffer.set_direction(Direction::LeftToRight);
        let shaped = rustybuzz::shape(&self.face, &[], buffer);
        let (infos, positions) = (shaped.glyph_infos(), shaped.glyph_positions());
        let units = self.units();
        #[expect(
            clippy::cast_precision_loss,
            reason = "an advance is some thousand units"
        )]
        let part = |length: i32| length as f32 / units;
        // A cluster – say, a letter with a mark – may have several glyphs, which share its text: up to the next cluster.
        let (mut next, mut here) = (text.len(), text.len());
        let mut glyphs: Vec<KrillaGlyph> = infos
            .iter()
            .zip(positions)
            .rev()
            .map(|(info, position)| {
                let start = info.cluster as usize;
                if start != here {
                    (next, here) = (here, start);
                }
                KrillaGlyph::new(
                    GlyphId::new(info.glyph_id),
                    part(position.x_advance),
                    part(position.x_offset),
                    part(position.y_offset),
                    part(position.y_advance),
                    start..next,
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
    fn both_weights_print_welsh_greek_and_cyrillic_and_say_what_they_cannot() {
        for bold in [false, true] {
            let font = font(bold);
            let text = "Ŵŵ Ŷŷ Ẁẁ Âêîôû – ‘’ “” • £ € … ½ Αθήνα Москва";
            assert_eq!(font.printable(text), (text.to_owned(), 0));
            assert_eq!(font.printable("東京 שלום 😀").1, 7);
        }
    }

    #[test]
    fn a_word_is_parted_where_it_no_longer_fits() {
        let text = "aaaaaaaaaa";
        let run = Run {
            bold: false,
            text: text.to_owned(),
            glyphs: font(false).glyphs(text),
        };
        let tenth = run.width() / 10.0;
        let (before, after) = run.clone().split_to_fit(tenth * 3.5);
        assert_eq!(before.text, "aaa");
        assert_eq!(after.unwrap().text, "aaaaaaa");
        let (before, _) = run.split_to_fit(0.0);
        assert_eq!(before.text, "a");
    }
}
