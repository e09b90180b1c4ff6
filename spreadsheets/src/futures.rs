//! What a row means before the width of the file is known.
//!
//! The width is the last column in which *any* row has something, so it is known only at the end; and it decides which
//! repeats of a header are there at all: an empty cell under a repeat makes a list of a value
//! (`docs/spec/recipients.md` §8.4), or takes a recipient's place. But a row's own cells past the width so far are all
//! empty, and for each header only the next repeat can still change what is said about the row; a further one would do
//! to it nothing new. So there are as many futures as headers that repeat further right, plus one, and each keeps a
//! tally of its own until the width rules it out. Most files have one future from the first full row on.

use super::{columns::Columns, tally::Tally};

/// A template that uses a great many repeated columns is followed no further than this.
const MOST_CUTS: usize = 32;

/// The tallies that may come to hold.
#[derive(Debug)]
pub(super) struct Futures {
    /// For each header where it stands again.
    repeats: Vec<Vec<usize>>,
    /// Whether it makes a difference that there are cells past the header.
    extra_cells_from: Option<usize>,
    list: Vec<Future>,
}

/// What holds if the width is this or more, up to where the next future begins.
#[derive(Clone, Debug)]
pub(super) struct Future {
    pub(super) width: usize,
    pub(super) tally: Tally,
}

impl Futures {
    pub(super) fn new(columns: &Columns, uses_extra_cells: bool) -> Self {
        let repeats_of = |positions: &Vec<usize>| positions.get(1..).map(<[usize]>::to_vec);
        let repeats = columns.positions().iter().filter_map(repeats_of).collect();
        let extra_cells_matter = uses_extra_cells || !columns.has_named_header;
        let mut futures = Self {
            repeats,
            extra_cells_from: extra_cells_matter.then_some(columns.header_len),
            list: vec![Future {
                width: 0,
                tally: Tally::new(),
            }],
        };
        futures.reach(0);
        futures
    }

    /// The futures that are left, the narrowest first.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Future> {
        self.list.iter_mut()
    }

    /// Rules out what is narrower than this, for a row has been met that reaches so far.
    pub(super) fn reach(&mut self, width: usize) {
        let holds = self.covering(width);
        self.list.drain(..holds);
        self.list[0].width = width;
        for cut in self.cuts(width) {
            let covering = self.covering(cut);
            if self.list[covering].width < cut {
                let tally = self.list[covering].tally.clone();
                self.list.insert(covering + 1, Future { width: cut, tally });
            }
        }
    }

    /// The tally that holds if there are no more rows.
    pub(super) fn settle(mut self) -> Tally {
        self.list.swap_remove(0).tally
    }

    /// Which future a width belongs to.
    fn covering(&self, width: usize) -> usize {
        self.list
            .partition_point(|future| future.width <= width)
            .saturating_sub(1)
    }

    /// The widths greater than this at which something changes.
    fn cuts(&self, width: usize) -> Vec<usize> {
        let next_of = |positions: &Vec<usize>| {
            let next = positions.partition_point(|&position| position < width);
            positions.get(next).copied()
        };
        let extra = self.extra_cells_from.filter(|&from| from >= width);
        let mut cuts: Vec<usize> = self
            .repeats
            .iter()
            .filter_map(next_of)
            .chain(extra)
            .map(|at| at + 1)
            .collect();
        cuts.sort_unstable();
        cuts.truncate(MOST_CUTS);
        cuts
    }
}
