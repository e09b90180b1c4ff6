//! Quotations: lines marked with `^` (`docs/spec/templates.md` §7.2).

use super::Source;
use crate::markdown::lines::{line_end, skip_line_feeds, skip_spaces};

impl Source<'_> {
    /// Returns the end of the quotation at `at`: lines marked with `^`, and lines that follow without a gap.
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

/// Removes the mark of each line, and one space after it.
pub(in crate::markdown) fn without_marks(quotation: &str) -> String {
    let mut unmarked = String::with_capacity(quotation.len());
    for line in quotation.split_inclusive('\n') {
        let marked = line.trim_start_matches(' ').strip_prefix('^');
        unmarked.push_str(marked.map_or(line, |line| line.strip_prefix(' ').unwrap_or(line)));
    }
    unmarked
}
