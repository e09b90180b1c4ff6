//! Trimming of the text before records are read (`docs/spec/recipients.md` §8.2).
//!
//! Known space goes from the front, known space *and commas* from the end, then any space from both ends. Whether blank
//! cells and lines are the end of the text shows only when it ends, so a run of them is kept back until something else
//! follows. Programs like to write a million blank lines after the last row; equal lines are kept as one with a count.

use std::fmt;

use text::{is_any_space, is_known_space};

/// A part of the text, and how often it is repeated. Its `Debug` does not show it.
#[derive(PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) text: String,
    pub(super) times: usize,
}

impl Segment {
    pub(super) fn once(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            times: 1,
        }
    }

    pub(super) fn line_ends(&self) -> usize {
        self.line_ends_before(self.text.len()) * self.times
    }

    /// Returns the number of line ends among the first `bytes` of the text, counted once.
    pub(super) fn line_ends_before(&self, bytes: usize) -> usize {
        memchr::memchr_iter(b'\n', &self.text.as_bytes()[..bytes]).count()
    }
}

impl fmt::Debug for Segment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "Segment({} bytes, {} times)",
            self.text.len(),
            self.times
        )
    }
}

/// Text that may be the end of the file.
#[derive(Debug, Default)]
pub(super) struct KeptBack {
    /// Whole lines, then at most one that has no end yet.
    lines: Vec<Segment>,
}

impl KeptBack {
    /// Splits a text into what cannot be the end of the file and what may be.
    pub(super) fn split(text: &str) -> (&str, &str) {
        let end = text
            .trim_end_matches(|character| is_blank_at_end(character) || is_any_space(character))
            .len();
        text.split_at(end)
    }

    pub(super) fn push(&mut self, blank: &str) {
        for piece in blank.split_inclusive('\n') {
            // A line that was cut between chunks is completed first, or it would not equal the others of its run.
            match self.lines.pop_if(|line| !line.text.ends_with('\n')) {
                Some(open) => self.push_line(open.text + piece),
                None => self.push_line(piece.to_owned()),
            }
        }
    }

    fn push_line(&mut self, text: String) {
        match self.lines.last_mut() {
            Some(last) if text.ends_with('\n') && last.text == text => last.times += 1,
            _ => self.lines.push(Segment { text, times: 1 }),
        }
    }

    /// Releases everything that was kept back, because more text has followed it.
    pub(super) fn release(&mut self) -> impl Iterator<Item = Segment> {
        self.lines.drain(..)
    }

    pub(super) fn line_ends(&self) -> usize {
        self.lines.iter().map(Segment::line_ends).sum()
    }

    /// Releases what is left when the file ends here.
    pub(super) fn release_at_end(&mut self) -> impl Iterator<Item = Segment> {
        // In this order: a space of a kind that is not known ends the first, and commas before it stay
        // (`docs/spec/recipients.md` §8.2).
        self.strip_end(is_blank_at_end);
        self.strip_end(is_any_space);
        self.lines.drain(..)
    }

    fn strip_end(&mut self, is_stripped: impl Fn(char) -> bool) {
        while let Some(mut last) = self.lines.pop() {
            let kept = last.text.trim_end_matches(&is_stripped).to_owned();
            if kept.is_empty() {
                continue;
            }
            // Only the last line of a run is at the end of the text; the others stay whole.
            last.times -= 1;
            if last.times > 0 {
                self.lines.push(last);
            }
            self.lines.push(Segment {
                text: kept,
                times: 1,
            });
            return;
        }
    }
}

fn is_blank_at_end(character: char) -> bool {
    character == ',' || is_known_space(character)
}

/// What is trimmed at the front of the text: known space, then any space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Front {
    KnownSpace,
    AnySpace,
    Passed,
}

impl Front {
    /// Returns the part of `text`, the next piece of the whole, that comes after the front.
    pub(super) fn strip<'text>(&mut self, text: &'text str) -> &'text str {
        let mut rest = text;
        if *self == Self::KnownSpace {
            rest = rest.trim_start_matches(is_known_space);
            if !rest.is_empty() {
                *self = Self::AnySpace;
            }
        }
        if *self == Self::AnySpace {
            rest = rest.trim_start_matches(is_any_space);
            if !rest.is_empty() {
                *self = Self::Passed;
            }
        }
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_end(pieces: &[&str]) -> String {
        let mut kept = KeptBack::default();
        for piece in pieces {
            kept.push(piece);
        }
        kept.release_at_end()
            .map(|segment| segment.text.repeat(segment.times))
            .collect()
    }

    #[test]
    fn commas_and_known_space_go_from_the_end_before_any_space() {
        assert_eq!(at_end(&[",,\n,", ",\n\u{200B}"]), "");
        assert_eq!(at_end(&[",\u{85}\n,,"]), ",");
        assert_eq!(at_end(&[",\u{200B}\u{2000} \u{85}"]), ",\u{200B}");
    }

    #[test]
    fn equal_lines_are_kept_once_wherever_the_text_was_cut() {
        let mut kept = KeptBack::default();
        for _ in 0..1000 {
            kept.push(",,");
            kept.push(",\n");
        }
        assert_eq!(kept.line_ends(), 1000);
        assert_eq!(
            kept.release().collect::<Vec<_>>(),
            [Segment {
                text: ",,,\n".to_owned(),
                times: 1000
            }]
        );
    }

    #[test]
    fn a_line_that_stays_is_kept_in_part_once() {
        assert_eq!(at_end(&[",\u{85}\n,\u{85}\n"]), ",\u{85}\n,");
    }

    #[test]
    fn the_front_is_known_space_and_then_any_space() {
        let mut front = Front::KnownSpace;
        assert_eq!(front.strip("\u{FEFF}\n"), "");
        assert_eq!(front.strip("\u{1C} "), "");
        assert_eq!(front.strip("\u{200B} a"), "\u{200B} a");
        assert_eq!(front.strip(" b"), " b");
    }
}
