//! Counts over the rows of a file, and the first errors in them (`docs/spec/recipients.md` §8.7).

use super::{
    CellError, ErrorCounts, Settings,
    row::{CellValue, Row},
    row_validation::{RecipientKind, RowProblems},
};
use domain::Channel;

/// Characters of a cell that are shown with its error.
const EXCERPT: usize = 100;

#[derive(Clone, Debug)]
pub(super) struct Summary {
    pub(super) counts: ErrorCounts,
    /// Errors of the first rows that have any. The report fills in the row numbers.
    pub(super) errors: Vec<CellError>,
    guests: Guests,
    international: Option<usize>,
}

/// Whether all recipients are on the guest list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guests {
    Only,
    NotOnly,
    /// A row without a single recipient came before any that is not on the list.
    Unknown,
}

impl Summary {
    pub(super) fn new() -> Self {
        Self {
            counts: ErrorCounts::default(),
            errors: Vec::new(),
            guests: Guests::Only,
            international: Some(0),
        }
    }

    /// Returns whether all recipients are on the guest list; `None` if a row without a single recipient came first.
    pub(super) fn allowed_to_send_to(&self) -> Option<bool> {
        match self.guests {
            Guests::Only => Some(true),
            Guests::NotOnly => Some(false),
            Guests::Unknown => None,
        }
    }

    /// Returns the number of recipients in other countries; `None` if some row has no single recipient.
    pub(super) fn international_sms_count(&self) -> Option<usize> {
        self.international
    }

    /// Counts a row past the limit, which is not validated.
    pub(super) fn skip_row(&mut self, settings: &Settings) {
        self.count_recipient(RecipientKind::Several, None, settings);
    }

    pub(super) fn add(
        &mut self,
        row: &Row<'_>,
        problems: &RowProblems,
        recipient: RecipientKind,
        settings: &Settings,
    ) {
        self.count_recipient(recipient, row.recipient(), settings);
        if problems.has_error() && row.has_anything() {
            if self.counts.rows_with_errors < settings.max_errors_shown {
                self.record_errors(row, problems);
            }
            self.counts.add(problems);
        }
    }

    fn count_recipient(
        &mut self,
        recipient: RecipientKind,
        text: Option<&str>,
        settings: &Settings,
    ) {
        let channel = settings.template.channel();
        if channel == Channel::Sms {
            match recipient {
                // One such row, and the count has no answer (`docs/spec/recipients.md` §8.7).
                RecipientKind::Missing | RecipientKind::Several => self.international = None,
                RecipientKind::International => {
                    self.international = self.international.map(|count| count + 1);
                }
                RecipientKind::Other => {}
            }
        }
        let is_closed = channel != Channel::Letter && !settings.guest_list.is_empty();
        // The first row that gives an answer decides, whatever follows (`docs/spec/recipients.md` §8.7).
        if is_closed && self.guests == Guests::Only {
            if recipient == RecipientKind::Several {
                self.guests = Guests::Unknown;
            } else if !settings.guest_list.allows(text.unwrap_or_default()) {
                self.guests = Guests::NotOnly;
            }
        }
    }

    fn record_errors(&mut self, row: &Row<'_>, problems: &RowProblems) {
        let of_cells = problems.cells.iter().map(|(slot, problem)| {
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
        let of_the_row = problems.row_messages().map(|message| CellError {
            row: row.index(),
            spreadsheet_row_number: 0,
            column_header: None,
            value: String::new(),
            message,
        });
        self.errors.extend(of_cells.chain(of_the_row));
    }
}
