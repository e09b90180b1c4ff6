//! Finds what is wrong with a row (`docs/spec/recipients.md` §8.5 and §8.6).

use std::fmt;

use super::{
    CellFault, Settings, Validation,
    columns::Columns,
    recipient_columns,
    row::{CellValue, Row},
    template::MessageProblems,
};
use domain::Channel;
use recipients::{
    email_addresses::EmailAddress,
    phone_numbers::{PhoneError, PhoneNumber},
    postal_addresses::{AddressError, PostalAddress},
};
use templates::{MAX_FILLED_BYTES, markdown::QrCodeTooLarge, text_messages::LIMIT};
use text::describe_characters;

const QR_CODE_LIMIT: usize = QrCodeTooLarge::LIMIT_BYTES;

/// What is wrong with one cell. Displays as the message for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellProblem {
    /// The cell is empty and must not be.
    Missing,
    /// The text is not a valid e-mail address.
    NotAnEmailAddress,
    /// The text is not a phone number that the service may send to.
    PhoneNumber(PhoneError),
    /// The cell of the workbook has an error in the place of a value.
    Fault(CellFault),
}

impl CellProblem {
    /// Returns whether the cell has a text that is wrong, rather than none.
    pub fn is_recipient_error(self) -> bool {
        self != Self::Missing
    }
}

impl fmt::Display for CellProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => formatter.write_str("Missing"),
            Self::NotAnEmailAddress => formatter.write_str("Not a valid email address"),
            Self::PhoneNumber(error) => error.fmt(formatter),
            Self::Fault(fault) => fault.fmt(formatter),
        }
    }
}

/// What is wrong with one row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowProblems {
    /// The bad cells, by slot.
    pub(super) cells: Vec<(usize, CellProblem)>,
    pub(super) has_bad_recipient: bool,
    pub(super) address: Option<AddressError>,
    pub(super) message: MessageProblems,
    /// Characters of a letter that cannot be printed.
    pub(super) unprintable: Vec<char>,
}

impl RowProblems {
    /// Returns whether a required cell is empty.
    pub fn has_missing_data(&self) -> bool {
        self.cells
            .iter()
            .any(|(_, problem)| *problem == CellProblem::Missing)
    }

    /// Returns whether the recipient cannot be sent to.
    pub fn has_bad_recipient(&self) -> bool {
        self.has_bad_recipient
    }

    /// Returns whether the text message has too many characters.
    pub fn message_too_long(&self) -> bool {
        self.message.is_too_long
    }

    /// Returns whether the message is empty.
    pub fn message_empty(&self) -> bool {
        self.message.is_empty
    }

    /// Returns the size in bytes of the first QR code of the letter that has too much data.
    pub fn qr_code_too_long(&self) -> Option<usize> {
        self.message.qr_code_bytes
    }

    /// Returns whether there is an error that concerns more than one cell.
    pub fn has_error_spanning_multiple_cells(&self) -> bool {
        self.message != MessageProblems::default()
            || self.address.is_some()
            || !self.unprintable.is_empty()
    }

    /// Returns the messages about the row as a whole, for people.
    pub(super) fn row_messages(&self) -> impl Iterator<Item = String> {
        let MessageProblems {
            is_too_long,
            is_too_large,
            is_empty,
            qr_code_bytes,
        } = self.message;
        let too_long = is_too_long.then(|| format!("The message has more than {LIMIT} characters"));
        let too_large =
            is_too_large.then(|| format!("The message has more than {MAX_FILLED_BYTES} bytes"));
        let empty = is_empty.then(|| "The message is empty".to_owned());
        let qr_code = qr_code_bytes.map(|bytes| {
            format!("Too much data for QR code (num_bytes={bytes}, max_bytes={QR_CODE_LIMIT})")
        });
        let unprintable = (!self.unprintable.is_empty()).then(|| {
            format!(
                "These characters cannot be printed: {}",
                describe_characters(&self.unprintable)
            )
        });
        let address = self.address.map(|error| error.to_string());
        [address, too_long, too_large, empty, qr_code, unprintable]
            .into_iter()
            .flatten()
    }

    /// Returns whether the row has any error.
    pub fn has_error(&self) -> bool {
        self.has_error_spanning_multiple_cells() || !self.cells.is_empty()
    }
}

/// The recipient of a row, as far as the counts of the file need it (`docs/spec/recipients.md` §8.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecipientKind {
    /// There is none.
    Missing,
    /// There are several.
    Several,
    /// A phone number with a calling code other than 44.
    International,
    /// Any other, legible or not.
    Other,
}

/// What the template uses a column for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SlotUse {
    Ignored,
    Recipient,
    AddressLine,
    Placeholder,
}

/// Validates rows of a file with known columns.
#[derive(Debug)]
pub(super) struct RowValidator {
    slot_uses: Vec<SlotUse>,
    recipient_slot: Option<usize>,
    /// The file as a whole has an error for this, so its rows get none of their own.
    has_duplicate_recipients: bool,
}

impl RowValidator {
    pub(super) fn new(
        settings: &Settings,
        columns: &Columns,
        has_duplicate_recipients: bool,
    ) -> Self {
        let channel = settings.template.channel();
        let slot_use = |key: &str| match (channel, recipient_columns::keys(channel).contains(&key))
        {
            (Channel::Letter, true) => SlotUse::AddressLine,
            (_, true) => SlotUse::Recipient,
            (_, false) if settings.template.placeholders().contains_key(key) => {
                SlotUse::Placeholder
            }
            (_, false) => SlotUse::Ignored,
        };
        let slot_uses: Vec<SlotUse> = columns
            .slots()
            .iter()
            .map(|slot| slot_use(&slot.key))
            .collect();
        let recipient_slot = slot_uses
            .iter()
            .position(|slot_use| *slot_use == SlotUse::Recipient);
        Self {
            slot_uses,
            recipient_slot,
            has_duplicate_recipients,
        }
    }

    /// Returns whether the template does not use the slot.
    pub(super) fn ignores(&self, slot: usize) -> bool {
        self.slot_uses[slot] == SlotUse::Ignored
    }

    /// Returns what is wrong with the row, and which kind of recipient it has.
    pub(super) fn validate(
        &self,
        row: &Row<'_>,
        settings: &Settings,
    ) -> (RowProblems, RecipientKind) {
        let recipient = self.recipient_slot.and_then(|slot| row.value_in(slot));
        // Parsed once, for the kind of recipient and for its errors.
        let number = match (settings.template.channel(), recipient) {
            (Channel::Sms, Some(CellValue::Text(text))) => {
                Some(if settings.rejects_ambiguous_numbers {
                    PhoneNumber::parse_recipient(text)
                } else {
                    PhoneNumber::parse(text)
                })
            }
            _ => None,
        };
        let kind = match (recipient, number) {
            (Some(CellValue::List(_)), _) => RecipientKind::Several,
            (Some(CellValue::Text(_)), Some(Ok(number))) if !number.is_uk() => {
                RecipientKind::International
            }
            (Some(CellValue::Text(_)), _) => RecipientKind::Other,
            (Some(CellValue::Empty) | None, _) => RecipientKind::Missing,
        };
        if settings.validation == Validation::Nothing {
            return (RowProblems::default(), kind);
        }
        (self.find_problems(row, number, settings), kind)
    }

    /// Adds the cells of a workbook that have no value, where the template uses them.
    pub(super) fn add_faults(
        &self,
        problems: &mut RowProblems,
        columns: &Columns,
        faults: &[CellFault],
        settings: &Settings,
    ) {
        if settings.validation == Validation::Nothing {
            return;
        }
        for fault in faults {
            let mut used = columns.used_columns().iter();
            let Some(column) = used.find(|column| column.position == fault.column) else {
                continue;
            };
            if self.ignores(column.slot) {
                continue;
            }
            // The error explains whatever else is wrong with the cell.
            problems.cells.retain(|(slot, _)| *slot != column.slot);
            problems
                .cells
                .push((column.slot, CellProblem::Fault(*fault)));
            problems.has_bad_recipient |= self.recipient_slot == Some(column.slot);
        }
    }

    fn find_problems(
        &self,
        row: &Row<'_>,
        number: Option<Result<PhoneNumber, PhoneError>>,
        settings: &Settings,
    ) -> RowProblems {
        let mut problems = RowProblems {
            message: settings.template.problems_with(row),
            ..RowProblems::default()
        };
        for (slot, slot_use) in self.slot_uses.iter().enumerate() {
            let Some(value) = row.value_in(slot) else {
                continue;
            };
            let problem = match slot_use {
                // The lines of an address are checked together, below.
                SlotUse::Ignored | SlotUse::AddressLine => None,
                SlotUse::Placeholder => {
                    (*value == CellValue::Empty).then_some(CellProblem::Missing)
                }
                SlotUse::Recipient => self.recipient_problem(value, number, settings),
            };
            if let Some(problem) = problem {
                problems.has_bad_recipient |= problem.is_recipient_error();
                problems.cells.push((slot, problem));
            }
        }
        if settings.template.channel() == Channel::Letter {
            let address = PostalAddress::from_personalisation(
                &row.address(),
                settings.allow_international_letters,
            );
            problems.address = address.error();
            problems.unprintable = settings.template.unprintable_in(self.shown_in_letter(row));
            problems.has_bad_recipient = problems.address.is_some();
        }
        problems
    }

    /// Returns the keys and values that a letter shows: address lines and placeholders.
    fn shown_in_letter<'row>(
        &self,
        row: &'row Row<'_>,
    ) -> impl Iterator<Item = (&'row str, &'row CellValue<'row>)> {
        self.slot_uses
            .iter()
            .enumerate()
            .filter(|(_, slot_use)| **slot_use != SlotUse::Ignored)
            .filter_map(|(slot, _)| Some((row.key_of(slot), row.value_in(slot)?)))
    }

    fn recipient_problem(
        &self,
        value: &CellValue<'_>,
        number: Option<Result<PhoneNumber, PhoneError>>,
        settings: &Settings,
    ) -> Option<CellProblem> {
        // Empty, or a list. The file as a whole has an error for repeated columns, so its rows get none for their
        // lists.
        let Some(text) = value.text() else {
            return (!self.has_duplicate_recipients).then_some(CellProblem::Missing);
        };
        match number {
            None => EmailAddress::parse(text)
                .err()
                .map(|_| CellProblem::NotAnEmailAddress),
            Some(_) if settings.validation == Validation::AllButPhoneNumbers => None,
            Some(number) => {
                let checked = number.and_then(|number| number.check(settings.phone_permissions));
                checked.err().map(CellProblem::PhoneNumber)
            }
        }
    }
}
