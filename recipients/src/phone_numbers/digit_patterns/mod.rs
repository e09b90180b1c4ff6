//! The patterns of numbering plans, which know digits and nothing else.
//!
//! The plans hold some two thousand patterns, of which a process meets a few dozen. A general matcher would be slower
//! to build and far larger for each of them, so they have one of their own: digits, `\d`, classes, groups,
//! alternatives, counted repeats and `$` (see the README of the tables). Alternatives are tried from the left.

mod program;
mod syntax;
mod translation;

use std::{ops::Range, sync::OnceLock};

use program::Program;

/// A pattern, which is translated when it is first asked.
#[derive(Debug)]
pub(super) struct DigitPattern {
    source: Box<str>,
    program: OnceLock<Program>,
}

/// Where a pattern matched, and where each of its groups did.
pub(super) struct Captures {
    /// Where the match ends; it begins at the first digit.
    pub(super) end: usize,
    pub(super) groups: Groups,
}

/// The most groups that a pattern of the plans has, with room to spare.
const MOST_GROUPS: usize = 8;

/// What each capture group took; the first group is at 0.
#[derive(Clone, Copy, Default)]
pub(super) struct Groups {
    count: usize,
    spans: [Option<(u8, u8)>; MOST_GROUPS],
}

impl DigitPattern {
    pub(super) fn new(source: String) -> Self {
        Self {
            source: source.into_boxed_str(),
            program: OnceLock::new(),
        }
    }

    /// Whether the pattern matches all the digits.
    pub(super) fn fits(&self, digits: &[u8]) -> bool {
        self.program().fits(digits)
    }

    /// The groups, if the pattern matches all the digits.
    pub(super) fn groups_if_fits(&self, digits: &[u8]) -> Option<Groups> {
        self.program()
            .match_whole(digits)
            .map(|captures| captures.groups)
    }

    /// Whether the pattern matches at the first digit; it need not reach the last.
    pub(super) fn begins(&self, digits: &[u8]) -> bool {
        self.program().match_start(digits).is_some()
    }

    /// The match at the first digit, if there is one; it need not reach the last.
    pub(super) fn match_start(&self, digits: &[u8]) -> Option<Captures> {
        self.program().match_start(digits)
    }

    fn program(&self) -> &Program {
        self.program.get_or_init(|| Program::new(&self.source))
    }
}

impl Groups {
    pub(super) fn none(count: usize) -> Self {
        assert!(
            count <= MOST_GROUPS,
            "a numbering plan's pattern has few groups"
        );
        Self {
            count,
            spans: [None; MOST_GROUPS],
        }
    }

    /// What the group took of `digits`, counting groups from 1 as formats do; nothing if it took no part.
    pub(super) fn text<'digits>(&self, group: usize, digits: &'digits [u8]) -> &'digits [u8] {
        self.span(group).map_or(&[], |span| &digits[span])
    }

    /// Whether the last group of the pattern took part in the match. A pattern without groups has none that did not.
    pub(super) fn last_took_part(&self) -> bool {
        self.count == 0 || self.span(self.count).is_some()
    }

    /// Notes where a group (from 1) took its digits, and gives what was noted before.
    pub(super) fn note(&mut self, group: usize, span: Option<(u8, u8)>) -> Option<(u8, u8)> {
        std::mem::replace(&mut self.spans[group - 1], span)
    }

    fn span(&self, group: usize) -> Option<Range<usize>> {
        let (start, end) = (*self.spans.get(group.checked_sub(1)?)?)?;
        Some(usize::from(start)..usize::from(end))
    }
}

#[cfg(test)]
mod tests;
