//! Which cells of a record make which values (`docs/spec/recipients.md` §8.4).
//!
//! Headers that are the same as written make one value; of different headers with one key only the last counts. So the
//! columns are worked out once from the header, and a row touches no cell that cannot count. What a repeated header
//! means depends on the *width*, the last column in which any row of the whole file has something: a repeat that lies
//! past it is not there.

use std::collections::{HashMap, HashSet};

use super::{header::Header, recipient_columns};
use domain::Channel;

/// The columns of a file, and the values that a row gets from them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    slots: Vec<Slot>,
    used: Vec<UsedColumn>,
    /// For each slot, the positions of the header whose cells count; none if that header is empty.
    positions: Vec<Vec<usize>>,
    slot_by_key: HashMap<String, usize>,
    /// How many columns the header has.
    pub(super) header_len: usize,
    /// Whether there is any header that is not empty. Every row has a value for such a one.
    pub(super) has_named_header: bool,
    /// Of several headers with the empty key, the first position of the last that is not itself empty.
    pub(super) unnamed_rival: Option<usize>,
}

/// One of a row's values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) key: String,
    /// The header whose cells count.
    pub(super) header: String,
}

/// A column whose cells count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UsedColumn {
    pub(super) position: usize,
    pub(super) slot: usize,
    /// Whether the same header occurs further left.
    pub(super) is_repeat: bool,
    /// Whether the header is empty.
    pub(super) is_unnamed: bool,
    /// Whether the last of several cells counts, instead of all of them.
    pub(super) is_recipient: bool,
}

impl Columns {
    /// Finds the columns whose keys are wanted.
    pub(super) fn new(header: &Header, channel: Channel, is_wanted: impl Fn(&str) -> bool) -> Self {
        let has_named_header = header.names().iter().any(|name| !name.is_empty());
        let mut columns = Self {
            slots: Vec::new(),
            used: Vec::new(),
            positions: Vec::new(),
            slot_by_key: HashMap::new(),
            header_len: header.names().len(),
            has_named_header,
            unnamed_rival: None,
        };
        for (name, key) in distinct_columns(header) {
            // Under a header of empty cells, the value without a name decides whether a row has anything at all.
            if is_wanted(key) || !has_named_header {
                columns.add_header(name, key);
            }
        }
        columns.add_used_columns(header, channel);
        columns
    }

    pub(super) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    pub(super) fn used_columns(&self) -> &[UsedColumn] {
        &self.used
    }

    pub(super) fn positions(&self) -> &[Vec<usize>] {
        &self.positions
    }

    pub(super) fn slot_of(&self, key: &str) -> Option<usize> {
        self.slot_by_key.get(key).copied()
    }

    fn add_header(&mut self, name: &str, key: &str) {
        let Some(slot) = self.slot_of(key) else {
            self.slot_by_key.insert(key.to_owned(), self.slots.len());
            self.slots.push(Slot {
                key: key.to_owned(),
                header: name.to_owned(),
            });
            return;
        };
        // An empty header counts beside the others with its key: see `unnamed_rival`.
        if !name.is_empty() {
            name.clone_into(&mut self.slots[slot].header);
        }
    }

    fn add_used_columns(&mut self, header: &Header, channel: Channel) {
        let mut met = HashSet::new();
        self.positions = vec![Vec::new(); self.slots.len()];
        for (position, (name, key)) in header.columns().enumerate() {
            let is_repeat = !met.insert(name);
            let Some(slot) = self.slot_of(key) else {
                continue;
            };
            let counts = self.slots[slot].header == name;
            if !counts && !name.is_empty() {
                continue;
            }
            if key.is_empty() && !name.is_empty() && !is_repeat {
                self.unnamed_rival = Some(position);
            }
            if !name.is_empty() {
                self.positions[slot].push(position);
            }
            self.used.push(UsedColumn {
                position,
                slot,
                is_repeat,
                is_unnamed: name.is_empty(),
                is_recipient: recipient_columns::keys(channel).contains(&key),
            });
        }
    }
}

/// Returns headers and keys, each header once.
fn distinct_columns(header: &Header) -> impl Iterator<Item = (&str, &str)> {
    let mut met = HashSet::new();
    header.columns().filter(move |(name, _)| met.insert(*name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used_columns(names: &[&str]) -> Vec<usize> {
        let header = Header::from(names.iter().map(ToString::to_string).collect::<Vec<_>>());
        let columns = Columns::new(&header, Channel::Sms, |key| key != "unwanted");
        columns
            .used_columns()
            .iter()
            .map(|column| column.position)
            .collect()
    }

    #[test]
    fn of_headers_with_one_key_the_last_new_spelling_counts() {
        assert_eq!(
            used_columns(&["phone number", "name", "Name", "name"]),
            [0, 2]
        );
    }

    #[test]
    fn all_repeats_of_a_header_count() {
        assert_eq!(
            used_columns(&["name", "name", "unwanted", "name"]),
            [0, 1, 3]
        );
    }

    #[test]
    fn an_empty_header_counts_beside_others_with_its_key() {
        assert_eq!(used_columns(&["", " ", "-", "", "a"]), [0, 2, 3, 4]);
    }
}
