use std::fmt;

/// The fields of one record, as read: nothing is trimmed. Its `Debug` does not show them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Record {
    text: String,
    ends: Vec<usize>,
    width: usize,
}

impl Record {
    /// Returns how many fields there are; none in a blank line.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns whether the record is a blank line.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns how many fields there are up to the last that is not empty.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Returns the field at this position, counted from 0.
    pub fn get(&self, position: usize) -> Option<&str> {
        let end = *self.ends.get(position)?;
        let start = position
            .checked_sub(1)
            .map_or(0, |before| self.ends[before]);
        Some(&self.text[start..end])
    }

    /// Returns all fields in order.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        let mut start = 0;
        self.ends
            .iter()
            .map(move |&end| &self.text[std::mem::replace(&mut start, end)..end])
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.width = 0;
    }

    /// Adds to the field that has no end yet.
    pub(super) fn add(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(super) fn end_field(&mut self) {
        let is_filled = !self.open_field().is_empty();
        self.ends.push(self.text.len());
        if is_filled {
            self.width = self.ends.len();
        }
    }

    /// Returns what has been read of the field that has no end yet.
    pub(super) fn open_field(&self) -> &str {
        &self.text[self.ends.last().copied().unwrap_or(0)..]
    }
}

impl<'field> FromIterator<&'field str> for Record {
    fn from_iter<Fields: IntoIterator<Item = &'field str>>(fields: Fields) -> Self {
        let mut record = Self::default();
        for field in fields {
            record.add(field);
            record.end_field();
        }
        record
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Record({} fields)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_width_of_a_record_is_up_to_its_last_filled_field() {
        let width = |fields: &[&str]| fields.iter().copied().collect::<Record>().width();
        assert_eq!(
            [
                width(&["", "a", "", ""]),
                width(&["", ""]),
                width(&[]),
                width(&["\t"])
            ],
            [2, 0, 0, 1]
        );
    }
}
