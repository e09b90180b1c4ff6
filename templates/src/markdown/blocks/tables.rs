//! Tables (`docs/spec/templates.md` §7.2). They render as nothing, but footnote references in their cells count.

use super::{Block, Found, Source};
use crate::markdown::lines::{line_end, skip_line_feeds, skip_spaces};
use text::is_any_space;

/// The header and the other rows of a table.
#[derive(Debug, Clone, Copy)]
pub(in crate::markdown) struct Table<'text> {
    header: &'text str,
    rows: &'text str,
}

impl<'text> Table<'text> {
    /// Iterates over the cells by row. In rows other than the header, `\|` does not separate cells.
    pub(in crate::markdown) fn cells(&self) -> impl Iterator<Item = &'text str> {
        let header = self.header.split('|');
        header.chain(self.rows.split('\n').flat_map(row_cells))
    }
}

fn row_cells(row: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(row);
    std::iter::from_fn(move || {
        let row = rest?;
        let bar = row
            .match_indices('|')
            .map(|(place, _)| place)
            // An escaped bar is part of its cell.
            .find(|&place| !row[..place].ends_with('\\'));
        rest = bar.map(|place| &row[place + 1..]);
        Some(&row[..bar.unwrap_or(row.len())])
    })
}

impl<'text> Source<'text> {
    /// Parses rows that contain `|`, of which the second consists of `-`, `:` and `|`.
    pub(super) fn bare_table(&self, at: usize) -> Found<'text> {
        let start = skip_spaces(self.text, at);
        let header = &self.text[start..line_end(self.text, start)];
        let first = header
            .chars()
            .next()
            .filter(|&first| !is_any_space(first))?;
        let delimiters = self.next_line(start)?;
        let dashes = skip_spaces(self.text, delimiters);
        if !matches!(self.byte(dashes), Some(b'-' | b':'))
            || !header[first.len_utf8()..].contains('|')
        {
            return None;
        }
        let mut bar = dashes;
        while matches!(self.byte(bar), Some(b'-' | b':')) {
            bar += 1;
        }
        let bar = skip_spaces(self.text, bar);
        if self.byte(bar) != Some(b'|') {
            return None;
        }
        let rows = self.after_delimiters(bar + 1)?;
        Some(self.table(header, rows, |row| row.contains('|')))
    }

    /// Parses rows that begin with `|`.
    pub(super) fn piped_table(&self, at: usize) -> Found<'text> {
        let bar = skip_spaces(self.text, at);
        if self.byte(bar) != Some(b'|') {
            return None;
        }
        let header = &self.text[bar + 1..line_end(self.text, bar)];
        let second_bar = skip_spaces(self.text, self.next_line(bar)?);
        if header.is_empty() || self.byte(second_bar) != Some(b'|') {
            return None;
        }
        let dashes = skip_spaces(self.text, second_bar + 1);
        if !matches!(self.byte(dashes), Some(b'-' | b':')) {
            return None;
        }
        let rows = self.after_delimiters(dashes + 1)?;
        Some(self.table(header, rows, |row| {
            row.trim_start_matches(' ').starts_with('|')
        }))
    }

    /// Returns the start of the next line if the rest of this one has only `-`, `|`, `:` and spaces and it is not the
    /// last.
    fn after_delimiters(&self, at: usize) -> Option<usize> {
        let end = line_end(self.text, at);
        let is_delimiter = |byte| matches!(byte, b'-' | b'|' | b' ' | b':');
        (end < self.text.len() && self.text[at..end].bytes().all(is_delimiter)).then_some(end + 1)
    }

    fn table(
        &self,
        header: &'text str,
        rows: usize,
        is_row: impl Fn(&str) -> bool,
    ) -> (Block<'text>, usize) {
        let mut end = rows;
        while end < self.text.len() {
            let row_end = line_end(self.text, end);
            if !is_row(&self.text[end..row_end]) {
                break;
            }
            end = (row_end + 1).min(self.text.len());
        }
        let rows = &self.text[rows..end];
        (
            Block::Table(Table { header, rows }),
            skip_line_feeds(self.text, end),
        )
    }
}
