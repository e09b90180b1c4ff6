//! Horizontal rules and headings (`docs/spec/templates.md` §7.2).

use super::{Block, Found, Source};
use crate::markdown::lines::{end_of_line, line_end, skip, skip_line_feeds, skip_spaces};

const DEEPEST_LEVEL: usize = 6;

impl<'text> Source<'text> {
    /// Returns the end of a horizontal rule: a line of `-`, `*` or `_` after at most three spaces.
    pub(super) fn horizontal_rule(&self, at: usize) -> Option<usize> {
        let marks = skip_spaces(self.text, at);
        if marks > at + 3 {
            return None;
        }
        self.unindented_rule(marks)
    }

    /// Returns the end of a horizontal rule that is not indented.
    pub(super) fn unindented_rule(&self, at: usize) -> Option<usize> {
        if !matches!(self.byte(at), Some(b'-' | b'*' | b'_')) {
            return None;
        }
        let mut marks = 0;
        for (place, byte) in self.text.bytes().enumerate().skip(at) {
            match byte {
                b'-' | b'*' | b'_' => marks += 1,
                b' ' => {}
                b'\n' => return (marks >= 3).then(|| skip_line_feeds(self.text, place)),
                _ => return None,
            }
        }
        (marks >= 3).then_some(self.text.len())
    }

    pub(super) fn heading(&self, at: usize) -> Found<'text> {
        let marks = skip_spaces(self.text, at);
        if !self.is_heading(at) {
            return None;
        }
        let end = line_end(self.text, marks);
        let (level, text) = level_and_text(&self.text[marks..end]);
        Some((
            Block::Heading { level, text },
            skip_line_feeds(self.text, end),
        ))
    }

    /// Returns whether a heading begins at `at`, at any indent. A lone `#` is none.
    pub(super) fn is_heading(&self, at: usize) -> bool {
        let marks = skip_spaces(self.text, at);
        self.byte(marks) == Some(b'#') && !self.is_at_line_end(marks + 1)
    }

    pub(super) fn underlined_heading(&self, at: usize) -> Found<'text> {
        let (end, underline_end) = self.underlined_line(at)?;
        let underline = self.text[end + 1..underline_end].trim_end_matches(' ');
        let level = if underline.ends_with('=') { 1 } else { 2 };
        let text = &self.text[at..end];
        Some((
            Block::Heading { level, text },
            skip_line_feeds(self.text, underline_end),
        ))
    }

    /// Returns the ends of a non-empty line and of the line of `=` and `-` below it.
    pub(super) fn underlined_line(&self, at: usize) -> Option<(usize, usize)> {
        let end = line_end(self.text, at);
        if end == at || end == self.text.len() {
            return None;
        }
        let marks = skip_spaces(self.text, end + 1);
        let mut marks_end = marks;
        while matches!(self.byte(marks_end), Some(b'=' | b'-')) {
            marks_end += 1;
        }
        if marks_end == marks {
            return None;
        }
        end_of_line(self.text, marks_end).map(|underline_end| (end, underline_end))
    }
}

/// Splits a heading line into its level and text.
fn level_and_text(line: &str) -> (u8, &str) {
    let level = skip(line, 0, b'#').min(DEEPEST_LEVEL);
    let rest = &line[level..];
    if rest.is_empty() {
        // Marks alone: the last one is the text.
        return (in_words(level - 1), "#");
    }
    let text = rest.trim_start_matches(' ');
    if text.is_empty() {
        return (in_words(level), " ");
    }
    let closed = text
        .trim_end_matches(' ')
        .trim_end_matches('#')
        .trim_end_matches(' ');
    let text = if closed.is_empty() {
        &text[..1]
    } else {
        closed
    };
    (in_words(level), text)
}

fn in_words(level: usize) -> u8 {
    u8::try_from(level).expect("at most six")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heading_is_what_its_marks_leave() {
        for (line, level, text) in [
            ("# a", 1, "a"),
            ("###a ##  ", 3, "a"),
            ("####### a", 6, "# a"),
            ("# #", 1, "#"),
            ("# # #", 1, "#"),
            ("##  ", 2, " "),
            ("##", 1, "#"),
            ("######", 5, "#"),
            ("#######", 6, "#"),
            ("# a# b#", 1, "a# b"),
        ] {
            assert_eq!(level_and_text(line), (level, text), "{line}");
        }
    }

    #[test]
    fn rules_may_mix_their_marks() {
        for (text, end) in [
            ("---", Some(3)),
            ("   - * _\n\nx", Some(10)),
            ("    ---", None),
            ("--", None),
            ("---x", None),
        ] {
            assert_eq!(Source::new(text).horizontal_rule(0), end, "{text}");
        }
    }
}
