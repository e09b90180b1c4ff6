//! The cells of one sheet as CSV: without what is hidden, with the value of a merged cell in every row that it covers.

use std::collections::HashMap;

use super::{Converted, CsvWriter, ReadError, first_sheet_is_empty, too_large};
use crate::notes::{CellFault, FaultKind, Notes, column_letters};

/// Ranges of hidden columns and of merged cells that are kept in memory.
const MAX_RANGES: usize = 100_000;
/// Hidden columns that a warning names.
const COLUMNS_NAMED: usize = 5;

/// What a cell shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CellText {
    Text(String),
    Fault(FaultKind, String),
}

impl CellText {
    fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Fault(_, text) => text,
        }
    }

    /// Returns the cell of a formula whose value is not in the file. A sign stands for it, so that its row is not
    /// taken for a blank one.
    pub(super) fn no_value() -> Self {
        Self::Fault(FaultKind::NoValue, "=".to_owned())
    }
}

/// Writes the rows of a sheet, which come in order.
#[derive(Debug, Default)]
pub(super) struct SheetWriter {
    csv: CsvWriter,
    notes: Notes,
    hidden_columns: Vec<(u32, u32)>,
    /// The last row of each vertical merge, by the row and column of its first cell.
    merges: HashMap<(u32, u32), u32>,
    /// What merged cells show in the rows that they still cover: by column the last row and the value.
    covering: HashMap<u32, (u32, CellText)>,
    cells: Vec<(u32, CellText)>,
    hidden_rows: u32,
    hidden_rows_with_cells: usize,
    hidden_columns_with_cells: Vec<u32>,
}

impl SheetWriter {
    pub(super) fn hide_columns(&mut self, first: u32, last: u32) -> Result<(), ReadError> {
        if self.hidden_columns.len() >= MAX_RANGES {
            return Err(too_large());
        }
        self.hidden_columns.push((first, last));
        Ok(())
    }

    /// Notes that the cell at this place covers the rows down to `last_row`.
    pub(super) fn merge(&mut self, row: u32, column: u32, last_row: u32) -> Result<(), ReadError> {
        if self.merges.len() >= MAX_RANGES {
            return Err(too_large());
        }
        if last_row > row {
            self.merges.insert((row, column), last_row);
        }
        Ok(())
    }

    pub(super) fn cell(&mut self, column: u32, cell: CellText) {
        if !cell.text().is_empty() {
            self.cells.push((column, cell));
        }
    }

    /// Ends the row that the cells since the last one belong to.
    pub(super) fn end_row(&mut self, row: u32, is_hidden: bool) -> Result<(), ReadError> {
        let mut cells = std::mem::take(&mut self.cells);
        if cells.is_empty() && !is_hidden {
            return Ok(());
        }
        let has_cells = !cells.is_empty();
        // Before the row is left out: a hidden row may hold the value of cells that reach below it.
        self.fill_merged(row, &mut cells);
        if is_hidden {
            self.hidden_rows += 1;
            self.hidden_rows_with_cells += usize::from(has_cells);
            return Ok(());
        }
        // Programs write the cells of a row in order; a damaged file may not.
        cells.sort_by_key(|(column, _)| *column);
        for (column, cell) in cells {
            self.write(row, column, &cell)?;
        }
        Ok(())
    }

    /// Remembers the row's merged cells, and gives the row the values of those that cover it from above.
    fn fill_merged(&mut self, row: u32, cells: &mut Vec<(u32, CellText)>) {
        if self.merges.is_empty() {
            return;
        }
        self.covering.retain(|_, (last_row, _)| *last_row >= row);
        let covered = self
            .covering
            .iter()
            .filter(|(column, _)| !cells.iter().any(|(filled, _)| filled == *column));
        let covered: Vec<_> = covered
            .map(|(column, (_, cell))| (*column, cell.clone()))
            .collect();
        for (column, cell) in cells.iter() {
            if let Some(last_row) = self.merges.get(&(row, *column)) {
                self.covering.insert(*column, (*last_row, cell.clone()));
            }
        }
        // A row that has nothing of its own stays blank: a merge may reach down to the end of the sheet.
        if !cells.is_empty() {
            cells.extend(covered);
        }
    }

    /// Takes rows without cells out of the sheet.
    pub(super) fn hide_blank_rows(&mut self, rows: u32) {
        self.hidden_rows = self.hidden_rows.saturating_add(rows);
    }

    fn write(&mut self, row: u32, column: u32, cell: &CellText) -> Result<(), ReadError> {
        let is_hidden = |(first, last): &&(u32, u32)| (*first..=*last).contains(&column);
        if self.hidden_columns.iter().any(|range| is_hidden(&range)) {
            if self.hidden_columns_with_cells.last() != Some(&column)
                && !self.hidden_columns_with_cells.contains(&column)
            {
                self.hidden_columns_with_cells.push(column);
            }
            return Ok(());
        }
        let left_out: u32 = self
            .hidden_columns
            .iter()
            .filter(|(_, last)| *last < column)
            .map(|(first, last)| last - first + 1)
            .sum();
        // A damaged file may hide a column twice.
        let csv_column = column.saturating_sub(left_out);
        let csv_row = row - self.hidden_rows.min(row);
        if self.hidden_rows > 0 {
            self.notes
                .shift_from(csv_row as usize, self.hidden_rows as usize);
        }
        self.csv.cell(csv_row, csv_column, cell.text())?;
        if let CellText::Fault(kind, _) = cell {
            self.notes.add_fault(CellFault {
                record: csv_row as usize,
                column: csv_column as usize,
                sheet_row: row,
                sheet_column: column,
                kind: *kind,
            });
        }
        Ok(())
    }

    /// Ends the sheet, which has this name and was the first of so many that are shown, beside others that are hidden.
    pub(super) fn finish(
        mut self,
        name: &str,
        shown: usize,
        hidden: usize,
    ) -> Result<Converted<'static>, ReadError> {
        if self.csv.is_empty() && shown > 1 {
            return Err(first_sheet_is_empty());
        }
        self.warn("row", self.hidden_rows_with_cells, "");
        self.hidden_columns_with_cells.sort_unstable();
        let columns = self.hidden_columns_with_cells.iter().take(COLUMNS_NAMED);
        let named: Vec<_> = columns.map(|at| column_letters(*at)).collect();
        let count = self.hidden_columns_with_cells.len();
        let more = if count > COLUMNS_NAMED { " …" } else { "" };
        self.warn("column", count, &format!(": {}{more}", named.join(", ")));
        self.warn("sheet", hidden, "");
        if shown > 1 {
            let others = format!("only the first of {shown} sheets is read: {name}");
            self.notes.warnings.push(others);
        }
        Ok(Converted {
            csv: self.csv.finish().into(),
            notes: self.notes,
        })
    }

    fn warn(&mut self, what: &str, count: usize, named: &str) {
        match count {
            0 => {}
            1 => self
                .notes
                .warnings
                .push(format!("1 hidden {what} was left out{named}")),
            _ => self
                .notes
                .warnings
                .push(format!("{count} hidden {what}s were left out{named}")),
        }
    }
}
