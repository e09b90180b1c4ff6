//! Breaks text into lines: at spaces, and inside a word only if the word alone is longer than a line.

use std::collections::BTreeSet;

use crate::{
    blocks::TextSpan,
    fonts::{Run, font},
};

#[derive(Debug, Clone, Default)]
pub(crate) struct Line {
    pub(crate) runs: Vec<Run>,
}

/// The result of [`break_lines`].
#[derive(Debug, Default)]
pub(crate) struct BrokenText {
    pub(crate) lines: Vec<Line>,
    /// Characters that were replaced because they cannot be printed.
    pub(crate) unprintable: BTreeSet<char>,
}

/// Breaks a text into lines of at most `max_width`, a multiple of the font size. With `bold`, every span is bold.
pub(crate) fn break_lines(text: &[TextSpan], max_width: f32, bold: bool) -> BrokenText {
    let mut breaker = LineBreaker {
        max_width,
        broken: BrokenText::default(),
        line: Line::default(),
        line_width: 0.0,
        word: Vec::new(),
    };
    for span in text {
        breaker.add_span(span, bold || span.bold);
    }
    breaker.finish()
}

struct LineBreaker {
    max_width: f32,
    broken: BrokenText,
    line: Line,
    line_width: f32,
    /// The current word with the spaces after it: several runs if its weight changes.
    word: Vec<Run>,
}

impl LineBreaker {
    fn add_span(&mut self, span: &TextSpan, bold: bool) {
        let (text, unprintable) = font(bold).replace_unprintable(&span.text);
        self.broken.unprintable.extend(unprintable);
        for part in text.split_inclusive([' ', '\n']) {
            let words = part.strip_suffix('\n').unwrap_or(part);
            self.word
                .extend(shaping_segments(words).map(|segment| Run::shape(segment, bold)));
            if part.ends_with(' ') {
                self.end_word();
            } else if part.ends_with('\n') {
                self.end_word();
                self.end_line();
            }
        }
    }

    fn end_word(&mut self) {
        let word = std::mem::take(&mut self.word);
        let visible = visible_width(&word);
        if self.line_width > 0.0 && self.line_width + visible > self.max_width {
            self.end_line();
        }
        for run in word {
            self.place_run(run);
        }
    }

    /// Places part of a word on the line, and what does not fit on the following lines.
    fn place_run(&mut self, run: Run) {
        let mut rest = Some(run);
        while let Some(run) = rest {
            let room = self.max_width - self.line_width;
            if visible_width(std::slice::from_ref(&run)) <= room {
                rest = None;
                self.append_run(run);
            } else if self.line_width > 0.0
                && room < run.glyphs.first().map_or(0.0, |glyph| glyph.x_advance)
            {
                self.end_line();
                rest = Some(run);
            } else {
                let (kept, after) = run.split_to_fit(room);
                self.append_run(kept);
                if after.is_some() {
                    self.end_line();
                }
                rest = after;
            }
        }
    }

    /// Appends to the last run if the weight is the same, so that a line has few runs.
    fn append_run(&mut self, run: Run) {
        self.line_width += run.width();
        if let Some(last) = self.line.runs.last_mut()
            && last.bold == run.bold
        {
            let offset = last.text.len();
            last.text.push_str(&run.text);
            last.glyphs.extend(run.glyphs.into_iter().map(|mut glyph| {
                glyph.text_range = glyph.text_range.start + offset..glyph.text_range.end + offset;
                glyph
            }));
        } else {
            self.line.runs.push(run);
        }
    }

    fn end_line(&mut self) {
        self.line_width = 0.0;
        self.broken.lines.push(std::mem::take(&mut self.line));
    }

    fn finish(mut self) -> BrokenText {
        self.end_word();
        if !self.line.runs.is_empty() {
            self.end_line();
        }
        self.broken
    }
}

/// Splits a long word into segments that are shaped separately, each starting at a character that shapes independently.
fn shaping_segments(word: &str) -> impl Iterator<Item = &str> {
    // The remainder of a segment is shaped again for every line that it covers, which would take quadratic time if a long
    // word were one segment.
    const SEGMENT_CHARS: usize = 1000;
    // Not a combining mark, which must be shaped together with its base character.
    let is_base = |c: char| c.is_ascii() || c.is_lowercase() || c.is_uppercase();
    let mut rest = word;
    std::iter::from_fn(move || {
        let mut later = rest.char_indices().skip(SEGMENT_CHARS);
        let end = later
            .find(|(_, c)| is_base(*c))
            .map_or(rest.len(), |(index, _)| index);
        let (segment, after) = rest.split_at(end);
        rest = after;
        (!segment.is_empty()).then_some(segment)
    })
}

/// Returns the width without trailing spaces, which may extend into the margin.
fn visible_width(word: &[Run]) -> f32 {
    let all: f32 = word.iter().map(Run::width).sum();
    let spaces: f32 = word.last().map_or(0.0, |run| {
        let visible_end = run.text.trim_end_matches(' ').len();
        let glyphs = run.glyphs.iter().rev();
        glyphs
            .take_while(|glyph| glyph.text_range.start >= visible_end)
            .map(|glyph| glyph.x_advance)
            .sum()
    });
    all - spaces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::glyph_cleanup::clean_line;

    fn lines(text: &str, width: f32) -> Vec<String> {
        let broken = break_lines(&clean_line(text, false), width, false);
        broken
            .lines
            .iter()
            .map(|line| line.runs.iter().map(|run| run.text.as_str()).collect())
            .collect()
    }

    #[test]
    fn lines_break_at_spaces_and_line_breaks() {
        assert_eq!(lines("aa bb cc", 3.0), ["aa bb ", "cc"]);
        assert_eq!(lines("aa\u{2028}\u{2028}bb", 9.0), ["aa", "", "bb"]);
        assert_eq!(lines("", 9.0), [""; 0]);
    }

    #[test]
    fn a_word_longer_than_a_line_is_split() {
        assert_eq!(lines("x aaaaaaaaaa b", 3.0), ["x ", "aaaaa", "aaaaa ", "b"]);
        assert_eq!(lines("aaa", 0.1), ["a", "a", "a"]);
    }

    #[test]
    fn a_very_long_word_fills_its_lines() {
        let long = "a".repeat(2500);
        let split = lines(&long, 3.0);
        assert!(split.iter().all(|line| line == "aaaaa"), "{split:?}");
        assert_eq!(split.concat(), long);
        let marked = "x\u{301}".repeat(1500);
        assert_eq!(lines(&marked, 3.0).concat(), marked);
        assert_eq!(
            shaping_segments(&marked).map(str::len).sum::<usize>(),
            marked.len()
        );
        assert!(shaping_segments(&marked).all(|segment| segment.starts_with('x')));
    }

    #[test]
    fn a_word_that_changes_its_weight_is_not_broken() {
        let span = |text: &str, bold| TextSpan {
            text: text.to_owned(),
            bold,
        };
        let text = [span("aaaa (", false), span("bbbb", true), span(").", false)];
        let broken = break_lines(&text, 4.4, false);
        assert_eq!(broken.lines.len(), 2);
        assert_eq!(broken.lines[1].runs.len(), 3);
    }
}
