//! One row of a spreadsheet: its values by column (`docs/spec/recipients.md` §8.4).

use std::{borrow::Cow, fmt};

use serde_json::{Map, Value};

use super::{
    Record,
    columns::{Columns, UsedColumn},
    recipient_columns,
};
use domain::Channel;
use templates::placeholders::{NameSet, Values};
use text::{is_plain_space, trim};

/// The key under which templates can show the cells past the header: an accident of the reference implementation that
/// services use.
pub(super) const EXTRA_CELLS_KEY: &str = "none";

/// The column with the service's own reference for a message.
pub(super) const REFERENCE_KEY: &str = "reference";

/// The value of a row under one key. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub enum CellValue<'row> {
    /// A cell with nothing in it, or only space.
    Empty,
    /// The text of one cell.
    Text(Cow<'row, str>),
    /// The cells of several columns with the same header, from the first that is not empty.
    List(Vec<Option<Cow<'row, str>>>),
}

/// One row. Its values are trimmed; it borrows them from the record where it can.
#[derive(Clone, Debug)]
pub struct Row<'row> {
    index: usize,
    channel: Channel,
    columns: &'row Columns,
    /// For each slot of the columns. A column without a name has no value where its cells are empty.
    values: Vec<Option<CellValue<'row>>>,
    record: &'row Record,
    width: usize,
}

impl<'row> Row<'row> {
    /// Reads a row with all its values.
    pub(super) fn read(
        columns: &'row Columns,
        channel: Channel,
        width: usize,
        index: usize,
        record: &'row Record,
    ) -> Self {
        let mut reading = Reading::new(columns);
        reading.take_cells(columns.used_columns(), width, record);
        let values = reading.finish(columns);
        Self {
            index,
            channel,
            columns,
            values,
            record,
            width,
        }
    }

    /// Reads a row with its values as far as its errors depend on them: empty cells past the end of a record, of
    /// which there may be thousands, are one cell in each list that they make longer.
    pub(super) fn new_for_validation(
        columns: &'row Columns,
        channel: Channel,
        width: usize,
        index: usize,
        record: &'row Record,
    ) -> Self {
        let mut reading = Reading::new(columns);
        let within = columns
            .used_columns()
            .partition_point(|column| column.position < record.len());
        reading.take_cells(&columns.used_columns()[..within], width, record);
        for (slot, positions) in columns.positions().iter().enumerate() {
            let next = positions.partition_point(|&position| position < record.len());
            let is_there = |position: &usize| *position < width || next == 0;
            if positions.get(next).is_some_and(is_there) {
                reading.put(slot, None);
            }
        }
        let values = reading.finish(columns);
        Self {
            index,
            channel,
            columns,
            values,
            record,
            width,
        }
    }

    /// Returns the row's number, counted from 0 at the first after the header.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Returns the phone number or e-mail address. `None` if the cell is empty, if there are several, and for
    /// letters.
    pub fn recipient(&self) -> Option<&str> {
        if self.channel == Channel::Letter {
            return None;
        }
        self.values_of_recipient().next()?.and_then(CellValue::text)
    }

    /// Returns the values of the recipient columns in their order: one, or the lines of an address. A column that the
    /// file does not have is `None`.
    pub fn values_of_recipient(&self) -> impl Iterator<Item = Option<&CellValue<'row>>> {
        recipient_columns::keys(self.channel)
            .iter()
            .map(|key| self.value(key))
    }

    /// Returns the value of the row under this key (see [`column_key`](text::column_key)).
    pub fn value(&self, key: &str) -> Option<&CellValue<'row>> {
        self.value_in(self.columns.slot_of(key)?)
    }

    /// Returns the keys and values of the row, in the order of the file.
    pub fn values(&self) -> impl Iterator<Item = (&str, &CellValue<'row>)> {
        let slots = self.columns.slots().iter().zip(&self.values);
        slots.filter_map(|(slot, value)| Some((slot.key.as_str(), value.as_ref()?)))
    }

    /// Returns the values that a message of this row is filled with: those of the columns that the template uses, and
    /// of the recipient. Names are column keys; repeated columns give lists.
    pub fn personalisation(&self, placeholders: &NameSet) -> Values {
        self.values()
            .filter(|(key, _)| {
                placeholders.contains_key(key)
                    || recipient_columns::keys(self.channel).contains(key)
            })
            .map(|(key, value)| (key.to_owned(), value.to_json()))
            .collect()
    }

    /// Returns the lines of a letter's address, as [`PostalAddress::from_personalisation`] takes them.
    ///
    /// [`PostalAddress::from_personalisation`]: recipients::postal_addresses::PostalAddress::from_personalisation
    pub fn address(&self) -> Map<String, Value> {
        let lines = recipient_columns::names(self.channel)
            .iter()
            .zip(self.values_of_recipient());
        lines
            .filter_map(|(column, value)| Some(((*column).to_owned(), value?.to_json())))
            .collect()
    }

    /// Returns the service's own reference for the message: the column `reference`, if it has one cell that is not
    /// empty.
    pub fn client_reference(&self) -> Option<&str> {
        self.value(REFERENCE_KEY).and_then(CellValue::text)
    }

    /// Returns the cells past the header, as they are in the file. `None` if the row has none, or only cells that are
    /// empty in all rows.
    pub fn extra_cells(&self) -> Option<impl Iterator<Item = &'row str>> {
        let (start, end) = (self.columns.header_len, self.record.len().min(self.width));
        (start < end).then(|| self.record.fields().take(end).skip(start))
    }

    /// Returns whether the row has anything that could be wrong. A blank row under a header of empty cells has not.
    pub(super) fn has_anything(&self) -> bool {
        self.has_values() || self.extra_cells().is_some()
    }

    pub(super) fn value_in(&self, slot: usize) -> Option<&CellValue<'row>> {
        self.values[slot].as_ref()
    }

    pub(super) fn key_of(&self, slot: usize) -> &str {
        &self.columns.slots()[slot].key
    }

    pub(super) fn header_of(&self, slot: usize) -> &str {
        &self.columns.slots()[slot].header
    }

    /// Returns everything that a template can be filled with.
    pub(super) fn filling(&self) -> Values {
        let mut filling: Values = self
            .values()
            .map(|(key, value)| (key.to_owned(), value.to_json()))
            .collect();
        if let Some(extra) = self.extra_cells() {
            filling.insert(EXTRA_CELLS_KEY, extra.map(Value::from).collect());
        }
        if filling.is_empty() && self.has_values() {
            // A row whose values the template does not use is not the same as a row without any.
            filling.insert("", Value::Null);
        }
        filling
    }

    fn has_values(&self) -> bool {
        self.columns.has_named_header || self.values.iter().any(Option::is_some)
    }
}

impl<'row> CellValue<'row> {
    /// Returns the text, if the value is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Empty | Self::List(_) => None,
        }
    }

    /// Returns the value as JSON: null, a text, or an array of these.
    pub fn to_json(&self) -> Value {
        let text_or_null =
            |cell: &Option<Cow<'_, str>>| cell.as_deref().map_or(Value::Null, Value::from);
        match self {
            Self::Empty => Value::Null,
            Self::Text(text) => Value::from(&**text),
            Self::List(cells) => cells.iter().map(text_or_null).collect(),
        }
    }

    /// Returns the value with another cell added.
    fn and(self, cell: Option<Cow<'row, str>>) -> Self {
        match self {
            Self::Empty => cell.into(),
            Self::Text(text) => Self::List(vec![Some(text), cell]),
            Self::List(mut cells) => {
                cells.push(cell);
                Self::List(cells)
            }
        }
    }
}

impl fmt::Debug for CellValue<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => formatter.write_str("Empty"),
            Self::Text(_) => formatter.write_str("Text"),
            Self::List(cells) => write!(formatter, "List({} cells)", cells.len()),
        }
    }
}

impl<'row> From<Option<Cow<'row, str>>> for CellValue<'row> {
    fn from(cell: Option<Cow<'row, str>>) -> Self {
        cell.map_or(Self::Empty, Self::Text)
    }
}

/// A row while it is read.
struct Reading<'row> {
    values: Vec<Option<CellValue<'row>>>,
    /// The value of the column without a name, and the position of its first cell.
    unnamed: Option<(CellValue<'row>, usize)>,
}

impl<'row> Reading<'row> {
    fn new(columns: &Columns) -> Self {
        Self {
            values: vec![None; columns.slots().len()],
            unnamed: None,
        }
    }

    fn take_cells(&mut self, used: &[UsedColumn], width: usize, record: &'row Record) {
        for column in used {
            // A repeat past the last column in which any row has something is no column (`docs/spec/recipients.md`
            // §8.4).
            let is_there = column.position < width || !column.is_repeat;
            if is_there {
                self.take_cell(column, record);
            }
        }
    }

    fn take_cell(&mut self, column: &UsedColumn, record: &'row Record) {
        let raw = record.get(column.position);
        let cell = raw.and_then(tidied);
        if column.is_unnamed {
            self.take_unnamed_cell(column, cell);
        } else if column.is_recipient && raw.is_some() {
            // Of a recipient's columns the last counts, where others become a list (`docs/spec/recipients.md` §8.4).
            self.values[column.slot] = Some(cell.into());
        } else {
            // Past the end of a short row even a recipient's cell is put to what is there.
            self.put(column.slot, cell);
        }
    }

    fn put(&mut self, slot: usize, cell: Option<Cow<'row, str>>) {
        let value = &mut self.values[slot];
        *value = Some(match value.take() {
            Some(value) => value.and(cell),
            None => cell.into(),
        });
    }

    fn take_unnamed_cell(&mut self, column: &UsedColumn, cell: Option<Cow<'row, str>>) {
        self.unnamed = match (self.unnamed.take(), cell) {
            (None, None) => None,
            (None, cell) => Some((cell.into(), column.position)),
            // An empty cell is passed over here, where elsewhere it would join the list.
            (Some(unnamed), None) => Some(unnamed),
            (Some((value, position)), cell) => Some((value.and(cell), position)),
        };
    }

    fn finish(mut self, columns: &Columns) -> Vec<Option<CellValue<'row>>> {
        if let (Some((value, position)), Some(slot)) = (self.unnamed, columns.slot_of("")) {
            // Of headers with one key the last to get a value counts, and this one had none until here.
            if columns.unnamed_rival.is_none_or(|rival| rival < position) {
                self.values[slot] = Some(value);
            }
        }
        self.values
    }
}

/// Returns the cell trimmed, or `None` if nothing is left.
fn tidied(cell: &str) -> Option<Cow<'_, str>> {
    let tidied = if cell.is_ascii() {
        // Only other characters are taken out from inside.
        Cow::Borrowed(cell.trim_matches(is_plain_space))
    } else {
        trim(cell)
    };
    (!tidied.is_empty()).then_some(tidied)
}
