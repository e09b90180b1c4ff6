use serde::{Deserialize, Serialize};

use super::{Record, Row, columns::Columns, header::Header, recipient_columns, row::REFERENCE_KEY};
use domain::Channel;
use templates::placeholders::NameSet;

/// What the second pass over a file needs to know from the first. It is small, and can be stored between the two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredLayout", into = "StoredLayout")]
pub struct Layout {
    stored: StoredLayout,
    columns: Columns,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct StoredLayout {
    channel: Channel,
    headers: Vec<String>,
    width: usize,
    rows: usize,
    lines_before_header: usize,
}

impl Layout {
    pub(super) fn new(
        channel: Channel,
        header: &Header,
        width: usize,
        rows: usize,
        lines_before_header: usize,
    ) -> Self {
        StoredLayout {
            channel,
            headers: header.names().to_vec(),
            width,
            rows,
            lines_before_header,
        }
        .into()
    }

    /// Returns the channel of the messages.
    pub fn channel(&self) -> Channel {
        self.stored.channel
    }

    /// Returns the first record, as written.
    pub fn headers(&self) -> &[String] {
        &self.stored.headers
    }

    /// Returns the number of columns up to the last in which any row has a cell that is not empty.
    pub fn width(&self) -> usize {
        self.stored.width
    }

    /// Returns how many rows there are after the header, blank ones included.
    pub fn rows(&self) -> usize {
        self.stored.rows
    }

    /// Returns the row of this record. The header is not counted: the second record has index 0.
    pub fn row<'row>(&'row self, index: usize, record: &'row Record) -> Row<'row> {
        Row::read(
            &self.columns,
            self.stored.channel,
            self.stored.width,
            index,
            record,
        )
    }

    /// Returns a layout whose rows have only the recipient, the reference and the values of these placeholders. No
    /// other column is read: a file can have as many columns as rows, and each row has a value in each.
    #[must_use]
    pub fn only_for(self, placeholders: &NameSet) -> Self {
        let channel = self.stored.channel;
        let is_wanted = |key: &str| {
            key == REFERENCE_KEY
                || recipient_columns::keys(channel).contains(&key)
                || placeholders.contains_key(key)
        };
        Self {
            columns: Columns::new(&self.stored.headers.clone().into(), channel, is_wanted),
            ..self
        }
    }

    /// Returns the number that a spreadsheet program shows beside the row with this index. Data begins in the second
    /// row.
    pub fn spreadsheet_row_number(&self, index: usize) -> usize {
        // One for the header, and one because programs count from 1.
        index + self.stored.lines_before_header + 2
    }

    /// Returns how many blank lines stand before the header.
    pub(super) fn lines_before_header(&self) -> usize {
        self.stored.lines_before_header
    }

    pub(super) fn columns(&self) -> &Columns {
        &self.columns
    }
}

impl From<StoredLayout> for Layout {
    fn from(stored: StoredLayout) -> Self {
        // They follow from the headers, so they are worked out again and not stored.
        let columns = Columns::new(&stored.headers.clone().into(), stored.channel, |_| true);
        Self { stored, columns }
    }
}

impl From<Layout> for StoredLayout {
    fn from(layout: Layout) -> Self {
        layout.stored
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_layout_that_was_stored_makes_the_same_rows() {
        let header: Vec<String> = ["Phone Number", "name", "Reference", "name"]
            .map(str::to_owned)
            .to_vec();
        let layout = Layout::new(Channel::Sms, &header.into(), 4, 1, 0);
        let text = serde_json::to_string(&layout).unwrap();
        let again: Layout = serde_json::from_str(&text).unwrap();
        assert_eq!(again, layout);

        let record: Record = ["07900 900123 ", "Ada", " R1", "\u{200B}"]
            .into_iter()
            .collect();
        let row = again.row(7, &record);
        assert_eq!(row.recipient(), Some("07900 900123"));
        assert_eq!(row.client_reference(), Some("R1"));
        let used: NameSet = ["Name", "colour"].iter().collect();
        let personalisation: Vec<_> = row
            .personalisation(&used)
            .iter()
            .map(|(key, value)| json!([key, value]))
            .collect();
        assert_eq!(
            json!(personalisation),
            json!([["phonenumber", "07900 900123"], ["name", ["Ada", null]]])
        );
        assert_eq!((row.index(), again.spreadsheet_row_number(7)), (7, 9));
    }

    #[test]
    fn who_asks_for_little_is_told_the_same() {
        let header: Vec<String> = ["x", "Phone Number", "name", "reference", "NAME", "name", ""]
            .map(str::to_owned)
            .to_vec();
        let layout = Layout::new(Channel::Sms, &header.into(), 6, 1, 0);
        let used: NameSet = ["Name"].iter().collect();
        let few = layout.clone().only_for(&used);
        assert_eq!(few.columns().slots().len(), 3);
        for cells in [
            &["1", "07900 900123", "Ada", "R1", "", "Bo", "c", "d"][..],
            &["1", "07900 900123"],
            &[],
        ] {
            let record: Record = cells.iter().copied().collect();
            let (all, row) = (layout.row(0, &record), few.row(0, &record));
            assert_eq!(row.recipient(), all.recipient());
            assert_eq!(row.client_reference(), all.client_reference());
            let extra = |row: &Row<'_>| row.extra_cells().map(Iterator::count);
            assert_eq!(extra(&row), extra(&all));
            let (all, row) = (all.personalisation(&used), row.personalisation(&used));
            assert!(row.iter().eq(all.iter()));
        }
    }
}
