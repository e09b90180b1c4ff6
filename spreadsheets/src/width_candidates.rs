//! Summaries of a file for every width that it may turn out to have.
//!
//! The width of a file is the last column in which *any* row has something, so it is known only at the end. It decides
//! which repeats of a header exist: an empty cell under a repeat makes a list of a value (`docs/spec/recipients.md` §8.4), or
//! takes a recipient's place. A file is read once, so one summary is kept for each width at which a row would be read
//! differently, until a wider row rules it out. Most files have one candidate from the first full row on.

use super::{columns::Columns, summary::Summary};

/// Limits the summaries for a template that uses a great many repeated columns.
const MAX_THRESHOLDS: usize = 32;

/// The summaries of the file, by width.
#[derive(Debug)]
pub(super) struct WidthCandidates {
    /// For each header, the positions of its repeats.
    repeats: Vec<Vec<usize>>,
    /// The length of the header, if cells past it make a difference.
    extra_cells_from: Option<usize>,
    list: Vec<WidthCandidate>,
}

/// The summary for widths from `width` to that of the next candidate.
#[derive(Clone, Debug)]
pub(super) struct WidthCandidate {
    pub(super) width: usize,
    pub(super) summary: Summary,
}

impl WidthCandidates {
    pub(super) fn new(columns: &Columns, uses_extra_cells: bool) -> Self {
        let repeats_of = |positions: &Vec<usize>| positions.get(1..).map(<[usize]>::to_vec);
        let repeats = columns.positions().iter().filter_map(repeats_of).collect();
        let extra_cells_matter = uses_extra_cells || !columns.has_named_header;
        let mut candidates = Self {
            repeats,
            extra_cells_from: extra_cells_matter.then_some(columns.header_len),
            list: vec![WidthCandidate {
                width: 0,
                summary: Summary::new(),
            }],
        };
        candidates.extend_to(0);
        candidates
    }

    /// Returns the remaining candidates, the narrowest first.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut WidthCandidate> {
        self.list.iter_mut()
    }

    /// Returns how many rows have errors, whatever the width of the file turns out to be.
    pub(super) fn rows_with_errors(&self) -> usize {
        let of_each = self.list.iter();
        let of_each = of_each.map(|candidate| candidate.summary.counts.rows_with_errors);
        of_each.min().unwrap_or_default()
    }

    /// Removes candidates that are narrower than a row that was met.
    pub(super) fn extend_to(&mut self, width: usize) {
        let current = self.index_of(width);
        self.list.drain(..current);
        self.list[0].width = width;
        for threshold in self.thresholds(width) {
            let narrower = self.index_of(threshold);
            if self.list[narrower].width < threshold {
                // Cells past the width so far are all empty: up to here both candidates agree.
                let summary = self.list[narrower].summary.clone();
                self.list.insert(
                    narrower + 1,
                    WidthCandidate {
                        width: threshold,
                        summary,
                    },
                );
            }
        }
    }

    /// Returns the summary for the widest row that was met.
    pub(super) fn into_summary(mut self) -> Summary {
        self.list.swap_remove(0).summary
    }

    /// Returns the index of the candidate that covers a width.
    fn index_of(&self, width: usize) -> usize {
        self.list
            .partition_point(|candidate| candidate.width <= width)
            .saturating_sub(1)
    }

    /// Returns the widths greater than this at which a row would be read differently.
    fn thresholds(&self, width: usize) -> Vec<usize> {
        // Of each header only the next repeat matters: a further one changes nothing more about a row.
        let next_of = |positions: &Vec<usize>| {
            let next = positions.partition_point(|&position| position < width);
            positions.get(next).copied()
        };
        let extra = self.extra_cells_from.filter(|&from| from >= width);
        let mut thresholds: Vec<usize> = self
            .repeats
            .iter()
            .filter_map(next_of)
            .chain(extra)
            .map(|at| at + 1)
            .collect();
        thresholds.sort_unstable();
        thresholds.truncate(MAX_THRESHOLDS);
        thresholds
    }
}
