//! Parts a text into lines: at its spaces, and inside a word only if the word is longer than a line.

use crate::{
    blocks::Piece,
    fonts::{Run, font},
};

/// A line.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line {
    pub(crate) runs: Vec<Run>,
}

/// A text in lines.
#[derive(Debug, Default)]
pub(crate) struct Broken {
    pub(crate) lines: Vec<Line>,
    /// Characters that cannot be printed.
    pub(crate) unprintable: usize,
}

/// Parts a text into lines of this width, which is a multiple of the font's size. With `bold`, all of it is.
pub(crate) fn broken(text: &[Piece], width: f32, bold: bool) -> Broken {
    let mut breaker = Breaker {
        width,
        broken: Broken::default(),
        line: Line::default(),
        taken: 0.0,
        word: Vec::new(),
    };
    for piece in text {
        breaker.piece(piece, bold || piece.bold);
    }
    breaker.finish()
}

struct Breaker {
    width: f32,
    broken: Broken,
    line: Line,
    /// How much of the line is taken.
    taken: f32,
    /// The word that is being read, spaces after it included; it may change its weight inside.
    word: Vec<Run>,
}

impl Breaker {
    fn piece(&mut self, piece: &Piece, bold: bool) {
        let font = font(bold);
        let (text, unprintable) = font.printable(&piece.text);
        self.broken.unprintable += unprintable;
        for part in text.split_inclusive([' ', '\n']) {
            let words = part.strip_suffix('\n').unwrap_or(part);
            self.word.extend(stretches(words).map(|stretch| Run {
                bold,
                text: stretch.to_owned(),
                glyphs: font.glyphs(stretch),
            }));
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
        let seen = seen_width(&word);
        if self.taken > 0.0 && self.taken + seen > self.width {
            self.end_line();
        }
        for run in word {
            self.put(run);
        }
    }

    /// Puts a part of a word on the line, and what does not fit on the next lines.
    fn put(&mut self, run: Run) {
        let mut rest = Some(run);
        while let Some(run) = rest {
            let room = self.width - self.taken;
            if seen_width(std::slice::from_ref(&run)) <= room {
                rest = None;
                self.add(run);
            } else if self.taken > 0.0 && room < run.glyphs.first().map_or(0.0, |one| one.x_advance)
            {
                self.end_line();
                rest = Some(run);
            } else {
                let (kept, after) = run.split_to_fit(room);
                self.add(kept);
                if after.is_some() {
                    self.end_line();
                }
                rest = after;
            }
        }
    }

    /// Words of one weight share a run.
    fn add(&mut self, run: Run) {
        self.taken += run.width();
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
        self.taken = 0.0;
        self.broken.lines.push(std::mem::take(&mut self.line));
    }

    fn finish(mut self) -> Broken {
        self.end_word();
        if !self.line.runs.is_empty() {
            self.end_line();
        }
        self.broken
    }
}

/// A word in stretches that are each shaped by themselves: what is left of one is shaped anew for every line that it goes
/// over, so a word of any length must not be one. They part before a character that stands by itself.
fn stretches(word: &str) -> impl Iterator<Item = &str> {
    const LONG: usize = 1000;
    let stands_alone = |c: char| c.is_ascii() || c.is_lowercase() || c.is_uppercase();
    let mut rest = word;
    std::iter::from_fn(move || {
        let mut later = rest.char_indices().skip(LONG);
        let end = later
            .find(|(_, c)| stands_alone(*c))
            .map_or(rest.len(), |(place, _)| place);
        let (stretch, after) = rest.split_at(end);
        rest = after;
        (!stretch.is_empty()).then_some(stretch)
    })
}

/// The width without the spaces at the end, which may stand out over the margin unseen.
fn seen_width(word: &[Run]) -> f32 {
    let all: f32 = word.iter().map(Run::width).sum();
    let spaces: f32 = word.last().map_or(0.0, |run| {
        let seen = run.text.trim_end_matches(' ').len();
        let glyphs = run.glyphs.iter().rev();
        glyphs
            .take_while(|glyph| glyph.text_range.start >= seen)
            .map(|glyph| glyph.x_advance)
            .sum()
    });
    all - spaces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tidy_line;

    fn lines(text: &str, width: f32) -> Vec<String> {
        let broken = broken(&tidy_line(text, false), width, false);
        broken
            .lines
            .iter()
            .map(|line| line.runs.iter().map(|run| run.text.as_str()).collect())
            .collect()
    }

    #[test]
    fn lines_end_at_spaces_and_at_line_ends() {
        assert_eq!(lines("aa bb cc", 3.0), ["aa bb ", "cc"]);
        assert_eq!(lines("aa\u{2028}\u{2028}bb", 9.0), ["aa", "", "bb"]);
        assert_eq!(lines("", 9.0), [""; 0]);
    }

    #[test]
    fn a_word_longer_than_a_line_is_parted() {
        assert_eq!(lines("x aaaaaaaaaa b", 3.0), ["x ", "aaaaa", "aaaaa ", "b"]);
        assert_eq!(lines("aaa", 0.1), ["a", "a", "a"]);
    }

    #[test]
    fn a_word_of_any_length_fills_its_lines() {
        let long = "a".repeat(2500);
        let parted = lines(&long, 3.0);
        assert!(parted.iter().all(|line| line == "aaaaa"), "{parted:?}");
        assert_eq!(parted.concat(), long);
        let marked = "x\u{301}".repeat(1500);
        assert_eq!(lines(&marked, 3.0).concat(), marked);
        assert_eq!(
            stretches(&marked).map(str::len).sum::<usize>(),
            marked.len()
        );
        assert!(stretches(&marked).all(|stretch| stretch.starts_with('x')));
    }

    #[test]
    fn a_word_that_changes_its_weight_stays_together() {
        let piece = |text: &str, bold| Piece {
            text: text.to_owned(),
            bold,
        };
        let text = [
            piece("aaaa (", false),
            piece("bbbb", true),
            piece(").", false),
        ];
        let broken = broken(&text, 4.4, false);
        assert_eq!(broken.lines.len(), 2);
        assert_eq!(broken.lines[1].runs.len(), 3);
    }
}
