use super::{ReadError, too_large};
use crate::csv_field::push_field;

/// The most bytes that a sheet may come to.
const MOST_BYTES: usize = 200_000_000;
/// The most columns that any spreadsheet program has.
const MOST_COLUMNS: u32 = 16_384;

/// Writes the cells of a sheet as CSV, where they are: rows and columns that have none become blank.
#[derive(Debug, Default)]
pub(super) struct CsvWriter {
    csv: Vec<u8>,
    row: u32,
    column: u32,
    has_cells: bool,
}

impl CsvWriter {
    /// Returns whether all cells were empty.
    pub(super) fn is_empty(&self) -> bool {
        !self.has_cells
    }

    /// Writes a cell. Cells come row by row, from left to right; fails otherwise, and if the sheet is too large.
    pub(super) fn cell(&mut self, row: u32, column: u32, text: &str) -> Result<(), ReadError> {
        if text.is_empty() {
            return Ok(());
        }
        if row < self.row || (row == self.row && column < self.column) {
            return Err(super::damaged());
        }
        self.move_to(row, column)?;
        self.has_cells = true;
        push_field(&mut self.csv, text);
        Ok(())
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.csv
    }

    fn move_to(&mut self, row: u32, column: u32) -> Result<(), ReadError> {
        let lines = row - self.row;
        if lines > 0 {
            (self.row, self.column) = (row, 0);
        }
        let commas = column - self.column;
        self.column = column;
        // Before anything is written: a cell's place is two numbers, which can ask for billions of line ends.
        let size = self
            .csv
            .len()
            .saturating_add(lines as usize)
            .saturating_add(commas as usize);
        if column >= MOST_COLUMNS || size > MOST_BYTES {
            return Err(too_large());
        }
        self.csv.extend(std::iter::repeat_n(b'\n', lines as usize));
        self.csv.extend(std::iter::repeat_n(b',', commas as usize));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stand_where_they_were() {
        let mut csv = CsvWriter::default();
        for (row, column, text) in [(0, 1, "b"), (2, 0, " \"x\", y"), (2, 3, "d\ne")] {
            csv.cell(row, column, text).unwrap();
        }
        assert_eq!(
            String::from_utf8(csv.finish()).unwrap(),
            ",b\n\n\" \"\"x\"\", y\",,,\"d\ne\""
        );
    }

    #[test]
    fn cells_out_of_order_or_too_far_off_are_refused() {
        let mut csv = CsvWriter::default();
        csv.cell(1, 1, "a").unwrap();
        assert!(csv.cell(1, 0, "b").is_err());
        assert!(csv.cell(1, MOST_COLUMNS, "b").is_err());
        assert!(csv.cell(u32::MAX, 1, "b").is_err());
    }
}
