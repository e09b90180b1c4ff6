//! The text in a part of a page, in lines as a person would read it.

use hayro_interpret::{
    BlendMode, ClipPath, Context, Device, GlyphDrawMode, Image, InterpreterCache,
    InterpreterSettings, Paint, PathDrawMode, SoftMask, TransformExt as _, font::Glyph,
    hayro_cmap::BfString, hayro_syntax::page::Page, interpret_page,
};
use kurbo::{Affine, BezPath, Point, Rect};
use unicode_normalization::UnicodeNormalization as _;

use super::areas::{Area, millimetres};

/// Upper limit of letters that are read: a window full of the smallest print has fewer.
const MAX_LETTERS: usize = 5_000;

/// What stands for a letter whose font does not say which one it is.
const UNKNOWN: &str = "\u{FFFD}";

/// Returns the lines of text that touch an area of a page, top to bottom. Invisible text counts: that of a scanned letter
/// is.
pub(super) fn read_lines(
    page: &Page<'_>,
    area: Area,
    settings: &InterpreterSettings,
) -> Vec<String> {
    let transform = page.initial_transform(true).to_kurbo();
    let (width, height) = page.render_dimensions();
    let bounds = Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
    let cache = InterpreterCache::new();
    let mut context = Context::new(transform, bounds, &cache, page.xref(), settings.clone());
    let mut reader = TextReader {
        area,
        letters: Vec::new(),
    };
    interpret_page(page, &mut context, &mut reader);
    lines(reader.letters)
}

/// A letter on the page; lengths in millimetres.
#[derive(Debug, Clone)]
struct Letter {
    text: String,
    left: f64,
    right: f64,
    baseline: f64,
    size: f64,
}

/// Collects the letters of an area.
struct TextReader {
    area: Area,
    letters: Vec<Letter>,
}

impl TextReader {
    fn letter(glyph: &Glyph<'_>, place: Affine) -> Letter {
        /// The interpreter places glyphs of this many units an em.
        const EM: f64 = 1000.0;
        let text = match glyph.as_unicode() {
            Some(BfString::Char(character)) => character.to_string(),
            Some(BfString::String(text)) => text,
            None => UNKNOWN.to_owned(),
        };
        let advance = match glyph {
            Glyph::Outline(glyph) => glyph.advance_width().map_or(EM / 2.0, f64::from),
            Glyph::Type3(_) => EM / 2.0,
        };
        let origin = place * Point::ZERO;
        let end = place * Point::new(advance, 0.0);
        let size = (place * Point::new(0.0, EM) - origin).hypot();
        Letter {
            text,
            left: millimetres(origin.x.min(end.x)),
            right: millimetres(origin.x.max(end.x)),
            baseline: millimetres(origin.y),
            size: millimetres(size),
        }
    }
}

impl Letter {
    /// Returns the rectangle that an ordinary letter fills.
    fn area(&self) -> Area {
        Area {
            left: self.left,
            top: self.baseline - self.size * 0.7,
            right: self.right,
            bottom: self.baseline + self.size * 0.2,
        }
    }

    fn is_on_line_of(&self, other: &Self) -> bool {
        (self.baseline - other.baseline).abs() < self.size.max(other.size) * 0.4
    }

    /// Returns whether this is the same letter at the same place, as programs print it to make it bold.
    fn repeats(&self, other: &Self) -> bool {
        self.text == other.text && (self.left - other.left).abs() < self.size * 0.08
    }
}

fn lines(mut letters: Vec<Letter>) -> Vec<String> {
    letters.sort_by(|a, b| a.baseline.total_cmp(&b.baseline));
    let lines = letters.chunk_by_mut(Letter::is_on_line_of);
    lines
        .map(|line| {
            line.sort_by(|a, b| a.left.total_cmp(&b.left));
            text_of(line)
        })
        .filter(|line| !line.is_empty())
        .collect()
}

fn text_of(line: &[Letter]) -> String {
    let mut text = String::new();
    let mut before: Option<&Letter> = None;
    for letter in line {
        if let Some(before) = before {
            if letter.repeats(before) {
                continue;
            }
            // Many programs move on instead of printing a space.
            if letter.left - before.right > letter.size * 0.2 {
                text.push(' ');
            }
        }
        text.push_str(&letter.text);
        before = Some(letter);
    }
    // Ligatures become the letters that they are made of.
    let text: String = text
        .nfkc()
        .filter(|character| !character.is_control())
        .collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl<'a> Device<'a> for TextReader {
    fn draw_glyph(
        &mut self,
        glyph: &Glyph<'a>,
        transform: Affine,
        glyph_transform: Affine,
        _: &Paint<'a>,
        _: &GlyphDrawMode,
    ) {
        let letter = Self::letter(glyph, transform * glyph_transform);
        if self.letters.len() < MAX_LETTERS && self.area.overlaps(letter.area()) {
            self.letters.push(letter);
        }
    }

    fn set_soft_mask(&mut self, _: Option<SoftMask<'a>>) {}
    fn set_blend_mode(&mut self, _: BlendMode) {}
    fn draw_path(&mut self, _: &BezPath, _: Affine, _: &Paint<'a>, _: &PathDrawMode) {}
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}
    fn draw_image(&mut self, _: Image<'a, '_>, _: Affine) {}
    fn pop_clip_path(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(text: &str, left: f64, baseline: f64) -> Letter {
        Letter {
            text: text.to_owned(),
            left,
            right: left + 2.0,
            baseline,
            size: 4.0,
        }
    }

    #[test]
    fn letters_in_any_order_become_lines() {
        let letters = vec![
            letter("b", 12.0, 50.1),
            letter("2", 10.0, 55.0),
            letter("a", 10.0, 50.0),
            letter("c", 16.0, 49.9),
        ];
        assert_eq!(lines(letters), ["ab c", "2"]);
    }

    #[test]
    fn a_letter_printed_twice_is_one() {
        let letters = vec![letter("a", 10.0, 50.0), letter("a", 10.2, 50.0)];
        assert_eq!(lines(letters), ["a"]);
    }

    #[test]
    fn ligatures_become_letters() {
        assert_eq!(lines(vec![letter("\u{fb01}", 10.0, 50.0)]), ["fi"]);
        assert_eq!(lines(vec![letter(" ", 10.0, 50.0)]), Vec::<String>::new());
    }
}
