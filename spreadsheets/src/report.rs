//! What is said about a file (`docs/spec/recipients.md` §8.7).

use std::fmt;

use serde::Serialize;

use super::{
    Layout, Notes, Settings, header::Header, row_validation::RowProblems, summary::Summary,
};
use domain::Channel;

/// Everything that the check of a file has to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The columns, and how many rows there are. The second pass needs it.
    pub layout: Layout,
    /// What the template wants and no column has.
    pub missing_column_headers: Vec<String>,
    /// Columns of recipients that are there more than once, as written.
    pub duplicate_recipient_column_headers: Vec<String>,
    /// Whether there are columns enough to say to whom the messages go. It is not part of [`has_errors`](Self::has_errors).
    pub has_recipient_columns: bool,
    /// How many rows have which kind of error.
    pub error_counts: ErrorCounts,
    /// What is wrong with the first rows in error.
    pub errors: Vec<CellError>,
    /// Whether everyone is on the guest list. Nothing if a row that cannot be asked came before anyone who is not: such
    /// a row is an error for another reason.
    pub allowed_to_send_to: Option<bool>,
    /// How many text messages leave the United Kingdom. Nothing if some row has no recipient or several.
    pub international_sms_count: Option<usize>,
    /// What the sender should know though it is no error, a sentence each.
    pub warnings: Vec<String>,
    /// What is wrong with the file beyond the published rules, a sentence each.
    pub file_problems: Vec<String>,
    max_rows: usize,
    remaining_messages: Option<i64>,
    remaining_international_sms_messages: Option<i64>,
}

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
    /// Rows whose letter has a QR code that holds too much.
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

impl Report {
    pub(super) fn new(
        layout: Layout,
        header: &Header,
        settings: &Settings,
        summary: Summary,
    ) -> Self {
        let channel = settings.template.channel();
        let international_sms_count = summary.international_sms_count();
        let allowed_to_send_to = summary.allowed_to_send_to();
        let mut errors = summary.errors;
        for error in &mut errors {
            error.spreadsheet_row_number = layout.spreadsheet_row_number(error.row);
        }
        Self {
            missing_column_headers: header.missing(channel, settings.template.placeholders()),
            duplicate_recipient_column_headers: header.duplicate_recipient_columns(channel),
            has_recipient_columns: header.has_recipient_columns(channel),
            error_counts: summary.counts,
            errors,
            allowed_to_send_to,
            international_sms_count,
            warnings: Vec::new(),
            file_problems: Vec::new(),
            max_rows: settings.max_rows,
            remaining_messages: settings.remaining_messages,
            remaining_international_sms_messages: settings.remaining_international_sms_messages,
            layout,
        }
    }

    /// Adds the problem of a quotation mark that was left open on this line: what follows it, other recipients' data
    /// perhaps, is all in one cell.
    pub(super) fn with_open_quote(mut self, line: Option<usize>) -> Self {
        let problem = |line| format!("a quotation mark is left open in line {line}");
        self.file_problems.extend(line.map(problem));
        self
    }

    /// Adds what the conversion of the file found. Rows keep the numbers that they have on the sheet.
    pub(super) fn with_notes(mut self, notes: &Notes, lines_before_header: usize) -> Self {
        for error in &mut self.errors {
            let record = error.row + 1 + lines_before_header;
            error.spreadsheet_row_number += notes.left_out_before(record);
        }
        self.warnings.extend(notes.warnings.iter().cloned());
        self.file_problems.extend(notes.problems.iter().cloned());
        self
    }

    /// How many rows there are after the header, blank ones and those past the limit included.
    pub fn rows(&self) -> usize {
        self.layout.rows()
    }

    /// Whether there are more rows than are read.
    pub fn too_many_rows(&self) -> bool {
        self.rows() > self.max_rows
    }

    /// Whether there are more rows than the service may still send messages.
    pub fn more_rows_than_can_send(&self) -> bool {
        exceeds(self.rows(), self.remaining_messages)
    }

    /// Whether there are more messages to other countries than the service may still send.
    pub fn more_international_sms_than_can_send(&self) -> bool {
        let remaining = self
            .remaining_international_sms_messages
            .map(|remaining| remaining.max(0));
        self.layout.channel() == Channel::Sms
            && self
                .international_sms_count
                .is_some_and(|count| exceeds(count, remaining))
    }

    /// Whether anything is wrong that the published rules count as an error of the file.
    pub fn has_errors(&self) -> bool {
        !self.missing_column_headers.is_empty()
            || !self.duplicate_recipient_column_headers.is_empty()
            || self.more_rows_than_can_send()
            || self.too_many_rows()
            || self.allowed_to_send_to == Some(false)
            || self.error_counts.rows_with_errors > 0
            || self.more_international_sms_than_can_send()
    }

    /// Whether messages can be sent as the file stands: there are rows, it is known to whom they go, and nothing is
    /// wrong.
    pub fn is_valid(&self) -> bool {
        self.rows() > 0
            && self.has_recipient_columns
            && !self.has_errors()
            && self.file_problems.is_empty()
    }
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

fn exceeds(count: usize, limit: Option<i64>) -> bool {
    limit.is_some_and(|limit| usize::try_from(limit).map_or(true, |limit| count > limit))
}
