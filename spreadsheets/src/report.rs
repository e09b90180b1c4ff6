//! The report on a file (`docs/spec/recipients.md` §8.7).

use serde::Serialize;

use super::{
    CellError, ErrorCounts, Layout, LongRows, Notes, Settings, header::Header,
    inspection::Inspection, summary::Summary,
};
use domain::Channel;

/// The result of checking a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The columns, and how many rows there are. The second pass needs it.
    pub layout: Layout,
    /// The names that the template wants and no column has.
    pub missing_column_headers: Vec<String>,
    /// The headers of recipient columns that occur more than once, as written.
    pub duplicate_recipient_column_headers: Vec<String>,
    /// Whether there are enough recipient columns. It is not part of [`has_errors`](Self::has_errors).
    pub has_recipient_columns: bool,
    /// False if the check ended early, with [`max_errors`](Settings::max_errors): later rows are neither checked nor
    /// counted.
    #[serde(skip)]
    pub is_complete: bool,
    /// How many rows have which kind of error.
    pub error_counts: ErrorCounts,
    /// What is wrong with the first rows in error.
    pub errors: Vec<CellError>,
    /// Whether all recipients are on the guest list. `None` if a row without a single recipient came before the first
    /// that is not: such a row is an error for another reason.
    pub allowed_to_send_to: Option<bool>,
    /// How many text messages go to other countries. `None` if some row has no recipient or several.
    pub international_sms_count: Option<usize>,
    /// What the sender should know though it is no error, a sentence each.
    pub warnings: Vec<String>,
    /// What is wrong with the file beyond the published rules, a sentence each.
    pub file_problems: Vec<String>,
    max_rows: usize,
    remaining_messages: Option<i64>,
    remaining_international_sms_messages: Option<i64>,
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
            is_complete: true,
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

    /// Adds what is wrong with the file as a whole.
    pub(super) fn with_problems(mut self, problems: impl IntoIterator<Item = String>) -> Self {
        self.file_problems.extend(problems);
        self
    }

    /// Adds what was noticed in the rows. `notes` have their numbers on the sheet.
    pub(super) fn with_inspection(
        mut self,
        inspection: Inspection,
        settings: &Settings,
        notes: &Notes,
        lines_before_header: usize,
    ) -> Self {
        let layout = &self.layout;
        let number_of = |row: usize| {
            layout.spreadsheet_row_number(row)
                + notes.left_out_before(row + 1 + lines_before_header)
        };
        let refuses_long_rows = settings.long_rows == LongRows::Refused || notes.refuses_long_rows;
        let (warnings, problems) = inspection.finish(refuses_long_rows, number_of);
        self.warnings.extend(warnings);
        self.file_problems.extend(problems);
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

    /// Returns how many rows there are after the header, blank ones and those past the limit included.
    pub fn rows(&self) -> usize {
        self.layout.rows()
    }

    /// Returns whether there are more rows than are read.
    pub fn too_many_rows(&self) -> bool {
        self.rows() > self.max_rows
    }

    /// Returns whether there are more rows than messages that the service may still send.
    pub fn more_rows_than_can_send(&self) -> bool {
        exceeds(self.rows(), self.remaining_messages)
    }

    /// Returns whether there are more messages to other countries than the service may still send.
    pub fn more_international_sms_than_can_send(&self) -> bool {
        let remaining = self
            .remaining_international_sms_messages
            // A limit that is overdrawn counts as used up, so that a file without numbers abroad can be sent
            // (`docs/spec/recipients.md` §8.7).
            .map(|remaining| remaining.max(0));
        self.layout.channel() == Channel::Sms
            && self
                .international_sms_count
                .is_some_and(|count| exceeds(count, remaining))
    }

    /// Returns whether anything is wrong that the published rules count as an error of the file.
    pub fn has_errors(&self) -> bool {
        !self.missing_column_headers.is_empty()
            || !self.duplicate_recipient_column_headers.is_empty()
            || self.more_rows_than_can_send()
            || self.too_many_rows()
            || self.allowed_to_send_to == Some(false)
            || self.error_counts.rows_with_errors > 0
            || self.more_international_sms_than_can_send()
    }

    /// Returns whether the file can be sent as it is: it has rows and recipient columns, and nothing is wrong.
    pub fn is_valid(&self) -> bool {
        self.rows() > 0
            && self.has_recipient_columns
            && !self.has_errors()
            && self.file_problems.is_empty()
    }
}

fn exceeds(count: usize, limit: Option<i64>) -> bool {
    // A negative limit cannot be converted, and every count exceeds it.
    limit.is_some_and(|limit| usize::try_from(limit).map_or(true, |limit| count > limit))
}
