use serde::{Deserialize, Serialize};

use super::{Channel, Record, Row, columns::Columns, header::Header};

/// What the second pass over a file must know of the first. It is small, and can be stored between the two.
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

    /// How the messages leave.
    pub fn channel(&self) -> Channel {
        self.stored.channel
    }

    /// The first record, as written.
    pub fn headers(&self) -> &[String] {
        &self.stored.headers
    }

    /// The number of columns up to the last in which any row has a cell that is not empty.
    pub fn width(&self) -> usize {
        self.stored.width
    }

    /// How many rows there are after the header, blank ones included.
    pub fn rows(&self) -> usize {
        self.stored.rows
    }

    /// The row that this record makes, the header not counted: the second record has index 0.
    pub fn row<'row>(&'row self, index: usize, record: &'row Record) -> Row<'row> {
        Row::read(
            &self.columns,
            self.stored.channel,
            self.stored.width,
            index,
            record,
        )
    }

    /// The number that a spreadsheet program shows beside the row with this index. Data begins in the second.
    pub fn spreadsheet_row_number(&self, index: usize) -> usize {
        index + self.stored.lines_before_header + 2
    }

    pub(super) fn columns(&self) -> &Columns {
        &self.columns
    }
}

impl From<StoredLayout> for Layout {
    fn from(stored: StoredLayout) -> Self {
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
    use crate::placeholders::NameSet;

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
}
