//! Searches that are asked for again and again over one text.

use std::cell::Cell;

/// Where something next stands, remembered: as long as the questions move through a text in one direction, all of them
/// together look at each place once.
#[derive(Debug)]
pub(super) struct Ahead {
    /// The last answer holds for every place from here up to itself.
    from: Cell<usize>,
    found: Cell<Option<usize>>,
}

impl Ahead {
    /// For a text of this length, of which nothing is known yet.
    pub(super) fn new(length: usize) -> Self {
        Self {
            from: Cell::new(length),
            found: Cell::new(None),
        }
    }

    /// The first place at or after `at`. `search` finds the first in a range of places.
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
        let ahead = Ahead::new(text.len());
        for at in [7, 3, 0, 2, 8, 6, 9, 1, 4] {
            let search = |from: usize, to: usize| plainly(from).filter(|&place| place < to);
            assert_eq!(ahead.next(at, text.len(), search), plainly(at), "from {at}");
        }
    }
}
