//! Indented and fenced code (`docs/spec/templates.md` §7.2), written unchanged.

use std::{borrow::Cow, cell::OnceCell};

use super::{Block, Found, Source};
use crate::markdown::lines::{end_of_line, line_end, skip, skip_line_feeds, skip_spaces};
use text::is_any_space;

const INDENT: &str = "    ";
const SHORTEST_FENCE: usize = 3;

impl<'text> Source<'text> {
    pub(super) fn indented_code(&self, at: usize) -> Found<'text> {
        let mut end = at;
        while self.text[end..].starts_with(INDENT) && !self.is_at_line_end(end + INDENT.len()) {
            end = self.after_line(end);
        }
        (end > at).then(|| {
            let code = without_indent(&self.text[at..end]);
            (Block::Verbatim(Cow::Owned(code)), end)
        })
    }

    /// Returns the content between the fence at `at` and its closing fence, and the position after the latter.
    pub(super) fn fence(&self, at: usize) -> Option<(&'text str, usize)> {
        let run = skip_spaces(self.text, at);
        let mark = self.byte(run).filter(|mark| matches!(mark, b'`' | b'~'))?;
        let run_end = skip(self.text, run, mark);
        let body = self.after_opening_fence(run_end)?;
        let ends = self.fences.of(mark, self.text);
        // A shorter opening leaves its other marks to the word after it. Only tildes can be part of that word, which
        // then must not be separated by a space.
        let word_is_apart = run_end < self.text.len()
            && self.text.as_bytes()[run_end] == b' '
            && !self.is_at_line_end(skip_spaces(self.text, run_end));
        let longest = ends.longest_after(body).min(run_end - run);
        let is_short = longest < run_end - run;
        if longest < SHORTEST_FENCE || (is_short && (mark == b'`' || word_is_apart)) {
            return None;
        }
        let (closing, closing_end) = ends.first(body, longest)?;
        Some((
            without_trailing_whitespace(&self.text[body..closing]),
            skip_line_feeds(self.text, closing_end),
        ))
    }

    /// Returns the start of the line after an opening fence, which may be followed by one word without backticks.
    fn after_opening_fence(&self, run_end: usize) -> Option<usize> {
        let word = skip_spaces(self.text, run_end);
        let rest = &self.text[word..];
        let length = rest
            .find(|character| character == '`' || is_any_space(character))
            .unwrap_or(rest.len());
        let end = end_of_line(self.text, word + length)?;
        (end < self.text.len()).then_some(end + 1)
    }
}

fn without_indent(code: &str) -> String {
    let mut outdented = String::with_capacity(code.len());
    for line in code.split_inclusive('\n') {
        outdented.push_str(line.strip_prefix(INDENT).unwrap_or(line));
    }
    outdented
}

/// Removes trailing whitespace, keeping at least one character.
fn without_trailing_whitespace(code: &str) -> &str {
    let first = code.chars().next().map_or(0, char::len_utf8);
    &code[..code.trim_end_matches(is_any_space).len().max(first)]
}

/// Lines of a text that can close a fence, for each of the two marks; computed on first use.
#[derive(Debug, Default)]
pub(super) struct FenceEnds {
    backticks: OnceCell<FenceLines>,
    tildes: OnceCell<FenceLines>,
}

impl FenceEnds {
    fn of(&self, mark: u8, text: &str) -> &FenceLines {
        let lines = if mark == b'`' {
            &self.backticks
        } else {
            &self.tildes
        };
        // Found once: a text of openings without an end would otherwise be searched again for each of them.
        lines.get_or_init(|| FenceLines::find(mark, text))
    }
}

/// The lines of a text that end in at least three marks and optional spaces.
#[derive(Debug)]
struct FenceLines {
    lines: Vec<FenceLine>,
}

#[derive(Debug)]
struct FenceLine {
    run: usize,
    run_end: usize,
    /// End of the line.
    end: usize,
    /// Length of the longest run at the end of this or a later line.
    longest_from_here: usize,
}

impl FenceLines {
    fn find(mark: u8, text: &str) -> Self {
        let mut lines = Vec::new();
        let mut start = 0;
        while start <= text.len() {
            let end = line_end(text, start);
            let line = text[start..end].trim_end_matches(' ');
            let length = line.bytes().rev().take_while(|&byte| byte == mark).count();
            if length >= SHORTEST_FENCE {
                let run_end = start + line.len();
                lines.push(FenceLine {
                    run: run_end - length,
                    run_end,
                    end,
                    longest_from_here: length,
                });
            }
            start = end + 1;
        }
        // From the last line up, so that each knows the longest run that follows without another search.
        let mut longest = 0;
        for line in lines.iter_mut().rev() {
            longest = longest.max(line.longest_from_here);
            line.longest_from_here = longest;
        }
        Self { lines }
    }

    /// Returns the longest run that can close a fence with at least one character after `body`.
    fn longest_after(&self, body: usize) -> usize {
        let from = self.first_index(body);
        let later = self
            .lines
            .get(from + 1)
            .map_or(0, |line| line.longest_from_here);
        self.lines
            .get(from)
            .map_or(0, |line| line.usable_length(body).max(later))
    }

    /// Returns the start of the last `length` marks of the first run of at least that length, and the end of its
    /// line.
    fn first(&self, body: usize, length: usize) -> Option<(usize, usize)> {
        let line = self.lines[self.first_index(body)..]
            .iter()
            .find(|line| line.usable_length(body) >= length)?;
        Some((line.run_end - length, line.end))
    }

    fn first_index(&self, body: usize) -> usize {
        self.lines.partition_point(|line| line.run_end <= body)
    }
}

impl FenceLine {
    /// Returns the usable length of the run if a character must precede it.
    fn usable_length(&self, body: usize) -> usize {
        self.run_end - self.run.max(body + 1).min(self.run_end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fence(text: &str) -> Option<(&str, usize)> {
        Source::new(text).fence(0)
    }

    #[test]
    fn a_fence_ends_where_its_own_run_ends_a_line() {
        for (text, expected) in [
            ("```\ncode\n```", Some(("code", 12))),
            ("``` rust \na```\n\nb", Some(("a", 16))),
            ("````\na\n```\n````", Some(("a\n```", 15))),
            ("````\na\n```", None),
            ("~~~~\na\n~~~", Some(("a", 10))),
            ("~~~~x\na\n~~~", Some(("a", 11))),
            ("~~~~ x\na\n~~~", None),
            ("```\n```", None),
            ("```\n````", Some(("`", 8))),
            ("```\n\n```", Some(("\n", 8))),
            ("``` a b\nx\n```", None),
            ("```\nx", None),
        ] {
            assert_eq!(fence(text), expected, "{text}");
        }
    }

    #[test]
    fn indented_code_loses_its_indent_and_keeps_its_line_feeds() {
        let (block, end) = Source::new("    a\n      b\n\n    c\nd")
            .indented_code(0)
            .expect("code");
        assert!(matches!(block, Block::Verbatim(code) if code == "a\n  b\n\nc\n"));
        assert_eq!(end, 21);
    }
}
