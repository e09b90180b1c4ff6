//! Errors of rows: the first ones in words, all of them as counts (`docs/spec/recipients.md` §8.7).

use std::fmt;

use serde::Serialize;

use super::RowProblems;

/// How many rows have which kind of error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ErrorCounts {
    /// Rows with any error at all.
    pub rows_with_errors: usize,
    /// Rows with a recipient that nothing can be sent to.
    pub rows_with_bad_recipients: usize,
    /// Rows with an empty cell that must not be.
    pub rows_with_missing_data: usize,
    /// Rows whose text message would be too long.
    pub rows_with_message_too_long: usize,
    /// Rows whose message would be empty.
    pub rows_with_empty_message: usize,
    /// Rows whose letter has a QR code with too much data.
    pub rows_with_bad_qr_codes: usize,
}

/// One thing that is wrong in one row. Its `Debug` does not show what is in the cell.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct CellError {
    /// The row's index, from 0 at the first after the header.
    pub row: usize,
    /// The number that a spreadsheet program shows beside the row.
    pub spreadsheet_row_number: usize,
    /// The header of the cell's column as written; nothing if the row as a whole is wrong.
    pub column_header: Option<String>,
    /// The beginning of what is in the cell.
    pub value: String,
    /// What is wrong, for people.
    pub message: String,
}

impl fmt::Debug for CellError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CellError")
            .field("row", &self.row)
            .field("column_header", &self.column_header)
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}

impl ErrorCounts {
    pub(super) fn add(&mut self, problems: &RowProblems) {
        self.rows_with_errors += usize::from(problems.has_error());
        self.rows_with_bad_recipients += usize::from(problems.has_bad_recipient());
        self.rows_with_missing_data += usize::from(problems.has_missing_data());
        self.rows_with_message_too_long += usize::from(problems.message_too_long());
        self.rows_with_empty_message += usize::from(problems.message_empty());
        self.rows_with_bad_qr_codes += usize::from(problems.qr_code_too_long().is_some());
    }
}
