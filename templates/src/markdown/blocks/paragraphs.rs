//! Paragraphs: lines up to one that begins another block (`docs/spec/templates.md` §7.2).

use super::{Block, Found, Source, lists::number_end};
use crate::markdown::lines::{line_end, skip_line_feeds, skip_spaces};

impl<'text> Source<'text> {
    pub(super) fn paragraph(&self, at: usize) -> Found<'text> {
        if self.is_at_line_end(at) {
            return None;
        }
        let mut end = line_end(self.text, at);
        while !self.is_at_line_end(end + 1) && !self.ends_paragraph(end + 1) {
            end = line_end(self.text, end + 1);
        }
        Some((
            Block::Paragraph(&self.text[at..end]),
            skip_line_feeds(self.text, end),
        ))
    }

    /// Returns whether the line at `at` interrupts a paragraph.
    fn ends_paragraph(&self, at: usize) -> bool {
        // By the first byte, because most lines begin none of these blocks.
        self.underlined_line(at).is_some()
            || match self.byte(skip_spaces(self.text, at)) {
                Some(b'`' | b'~') => self.fence(at).is_some(),
                Some(b'#') => self.is_heading(at),
                Some(b'>') => !self.is_at_line_end(skip_spaces(self.text, at) + 1),
                Some(b'[') => {
                    self.link_definition(at).is_some() || self.footnote_text(at).is_some()
                }
                Some(b'<') => self.begins_html(at),
                Some(b'-' | b'*' | b'_') => {
                    self.horizontal_rule(at).is_some() || self.begins_plain_item(at)
                }
                _ => self.begins_plain_item(at),
            }
    }

    /// Returns whether a common Markdown list item begins at `at`: `*`, `+`, `-` or a number and a dot, or both, then
    /// a space and at least one character.
    fn begins_plain_item(&self, at: usize) -> bool {
        let start = skip_spaces(self.text, at);
        let has_mark = matches!(self.byte(start), Some(b'*' | b'+' | b'-'));
        let number = start + usize::from(has_mark);
        let end = number_end(self.text, number).unwrap_or(number);
        end > start && self.byte(end) == Some(b' ') && end + 1 < self.text.len()
    }
}
