//! Quotations: lines marked with `^` (`docs/spec/templates.md` §7.2).

use super::Source;
use crate::markdown::lines::{line_end, skip_line_feeds, skip_spaces};

impl Source<'_> {
    /// The place after the quotation that begins here: lines marked with `^`, and those that follow without a gap.
    pub(super) fn quotation(&self, at: usize) -> Option<usize> {
        let mut end = at;
        while self.is_quotation_line(end) {
            let mut last = line_end(self.text, end);
            while !self.is_at_line_end(last + 1) {
                last = line_end(self.text, last + 1);
            }
            end = skip_line_feeds(self.text, last);
        }
        (end > at).then_some(end)
    }

    fn is_quotation_line(&self, at: usize) -> bool {
        let mark = skip_spaces(self.text, at);
        self.byte(mark) == Some(b'^') && !self.is_at_line_end(mark + 1)
    }
}

/// A quotation's lines without their marks; each with one space after it, if it has one.
pub(in crate::markdown) fn without_marks(quotation: &str) -> String {
    let mut unmarked = String::with_capacity(quotation.len());
    for line in quotation.split_inclusive('\n') {
        let marked = line.trim_start_matches(' ').strip_prefix('^');
        unmarked.push_str(marked.map_or(line, |line| line.strip_prefix(' ').unwrap_or(line)));
    }
    unmarked
}
