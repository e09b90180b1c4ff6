//! Caches the result of a search that is repeated over one text.

use std::cell::Cell;

/// The last result of a search for the next match. While the queries move through a text in one direction, all of
/// them together inspect each position once.
#[derive(Debug)]
pub(super) struct SearchCache {
    /// The cached result is valid for queries from here up to the match itself.
    from: Cell<usize>,
    found: Cell<Option<usize>>,
}

impl SearchCache {
    /// Creates an empty cache for a text of this length.
    pub(super) fn new(length: usize) -> Self {
        Self {
            from: Cell::new(length),
            found: Cell::new(None),
        }
    }

    /// Returns the first match at or after `at`. `search` finds the first match in a range.
    pub(super) fn next(
        &self,
        at: usize,
        length: usize,
        search: impl Fn(usize, usize) -> Option<usize>,
    ) -> Option<usize> {
        let (from, found) = (self.from.get(), self.found.get());
        if at >= from {
            if found.is_none_or(|found| at <= found) {
                return found;
            }
            self.remember(at, search(at, length))
        } else {
            // Only the part before the known range is searched, so that going back does not read the text again.
            self.remember(at, search(at, from).or(found))
        }
    }

    fn remember(&self, from: usize, found: Option<usize>) -> Option<usize> {
        self.from.set(from);
        self.found.set(found);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_the_same_in_any_order_of_questions() {
        let text = b"..x...x..";
        let plainly = |at: usize| {
            text[at..]
                .iter()
                .position(|&byte| byte == b'x')
                .map(|place| at + place)
        };
        let cache = SearchCache::new(text.len());
        for at in [7, 3, 0, 2, 8, 6, 9, 1, 4] {
            let search = |from: usize, to: usize| plainly(from).filter(|&place| place < to);
            assert_eq!(cache.next(at, text.len(), search), plainly(at), "from {at}");
        }
    }
}
