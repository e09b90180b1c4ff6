//! What is counted over the rows of a file, and the first errors in them (`docs/spec/recipients.md` §8.7).

use super::{
    Settings,
    report::{CellError, ErrorCounts},
    row::{CellValue, Row},
    verdict::{Recipient, Verdict},
};
use domain::Channel;

/// How much of a cell is shown with its error.
const EXCERPT: usize = 100;

#[derive(Clone, Debug)]
pub(super) struct Tally {
    pub(super) counts: ErrorCounts,
    /// Of the first rows in error; their row numbers are filled in with the report.
    pub(super) errors: Vec<CellError>,
    guests: Guests,
    international: Option<usize>,
}

/// Whether only guests are written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guests {
    Only,
    NotOnly,
    /// A row came first of which that cannot be said.
    Unknown,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            counts: ErrorCounts::default(),
            errors: Vec::new(),
            guests: Guests::Only,
            international: Some(0),
        }
    }

    /// Whether everyone may be sent to; nothing if a row that cannot be asked came before anyone was refused.
    pub(super) fn allowed_to_send_to(&self) -> Option<bool> {
        match self.guests {
            Guests::Only => Some(true),
            Guests::NotOnly => Some(false),
            Guests::Unknown => None,
        }
    }

    /// How many recipients are in other countries; nothing if some row cannot be asked.
    pub(super) fn international_sms_count(&self) -> Option<usize> {
        self.international
    }

    /// Counts a row past the limit, which is not read.
    pub(super) fn pass_over_row(&mut self, settings: &Settings) {
        self.count_recipient(Recipient::Several, None, settings);
    }

    pub(super) fn add(
        &mut self,
        row: &Row<'_>,
        verdict: &Verdict,
        recipient: Recipient,
        settings: &Settings,
    ) {
        self.count_recipient(recipient, row.recipient(), settings);
        if verdict.has_error() && row.has_anything() {
            if self.counts.rows_with_errors < settings.max_errors_shown {
                self.keep_errors(row, verdict);
            }
            self.counts.add(verdict);
        }
    }

    fn count_recipient(&mut self, recipient: Recipient, text: Option<&str>, settings: &Settings) {
        let channel = settings.template.channel();
        if channel == Channel::Sms {
            match recipient {
                Recipient::Missing | Recipient::Several => self.international = None,
                Recipient::International => {
                    self.international = self.international.map(|count| count + 1);
                }
                Recipient::Other => {}
            }
        }
        let is_closed = channel != Channel::Letter && !settings.guest_list.is_empty();
        if is_closed && self.guests == Guests::Only {
            if recipient == Recipient::Several {
                self.guests = Guests::Unknown;
            } else if !settings.guest_list.allows(text.unwrap_or_default()) {
                self.guests = Guests::NotOnly;
            }
        }
    }

    fn keep_errors(&mut self, row: &Row<'_>, verdict: &Verdict) {
        let of_cells = verdict.cells.iter().map(|(slot, problem)| {
            let value = row
                .value_in(*slot)
                .and_then(CellValue::text)
                .unwrap_or_default();
            CellError {
                row: row.index(),
                spreadsheet_row_number: 0,
                column_header: Some(row.header_of(*slot).to_owned()),
                value: value.chars().take(EXCERPT).collect(),
                message: problem.to_string(),
            }
        });
        let of_the_row = verdict.row_messages().map(|message| CellError {
            row: row.index(),
            spreadsheet_row_number: 0,
            column_header: None,
            value: String::new(),
            message,
        });
        self.errors.extend(of_cells.chain(of_the_row));
    }
}
