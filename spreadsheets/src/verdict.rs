//! What is wrong with a row (`docs/spec/recipients.md` §8.5 and §8.6).

use std::fmt;

use super::{
    Settings, Validation,
    columns::Columns,
    recipient_columns,
    row::{CellValue, Row},
    template::MessageProblems,
};
use domain::Channel;
use recipients::{
    phone_numbers::{PhoneError, PhoneNumber},
    postal_addresses::{AddressError, PostalAddress},
};
use templates::{markdown::QrCodeTooLarge, text_messages::LIMIT};

const QR_CODE_LIMIT: usize = QrCodeTooLarge::LIMIT_BYTES;

/// What is wrong with one cell. It displays as the message for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellProblem {
    /// There is nothing in it, and there should be.
    Missing,
    /// It is no e-mail address.
    NotAnEmailAddress,
    /// It is no phone number that the service may send to.
    PhoneNumber(PhoneError),
}

impl CellProblem {
    /// Whether it lies in what the cell says, rather than in its saying nothing.
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
        }
    }
}

/// What is wrong with one row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The bad cells, by slot.
    pub(super) cells: Vec<(usize, CellProblem)>,
    pub(super) has_bad_recipient: bool,
    pub(super) address: Option<AddressError>,
    pub(super) message: MessageProblems,
}

impl Verdict {
    /// Whether a cell is empty that must not be.
    pub fn has_missing_data(&self) -> bool {
        self.cells
            .iter()
            .any(|(_, problem)| *problem == CellProblem::Missing)
    }

    /// Whether nothing can be sent to its recipient.
    pub fn has_bad_recipient(&self) -> bool {
        self.has_bad_recipient
    }

    /// Whether its text message has more characters than are sent.
    pub fn message_too_long(&self) -> bool {
        self.message.is_too_long
    }

    /// Whether its message says nothing.
    pub fn message_empty(&self) -> bool {
        self.message.is_empty
    }

    /// The size in bytes of the first QR code in its letter that holds too much.
    pub fn qr_code_too_long(&self) -> Option<usize> {
        self.message.qr_code_bytes
    }

    /// Whether something is wrong that no single cell can be blamed for.
    pub fn has_error_spanning_multiple_cells(&self) -> bool {
        self.message != MessageProblems::default() || self.address.is_some()
    }

    /// What is wrong with the row as a whole, for people.
    pub(super) fn row_messages(&self) -> impl Iterator<Item = String> {
        let MessageProblems {
            is_too_long,
            is_empty,
            qr_code_bytes,
        } = self.message;
        let too_long = is_too_long.then(|| format!("The message has more than {LIMIT} characters"));
        let empty = is_empty.then(|| "The message is empty".to_owned());
        let qr_code = qr_code_bytes.map(|bytes| {
            format!("Too much data for QR code (num_bytes={bytes}, max_bytes={QR_CODE_LIMIT})")
        });
        let address = self.address.map(|error| error.to_string());
        [address, too_long, empty, qr_code].into_iter().flatten()
    }

    /// Whether anything is wrong.
    pub fn has_error(&self) -> bool {
        self.has_error_spanning_multiple_cells() || !self.cells.is_empty()
    }
}

/// What the recipient of a row is to the counts of the whole file (`docs/spec/recipients.md` §8.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recipient {
    /// There is none.
    Missing,
    /// There are several.
    Several,
    /// A phone number with a calling code other than 44.
    International,
    /// Any other, legible or not.
    Other,
}

/// What a slot's cells are to the template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Ignored,
    Recipient,
    AddressLine,
    Placeholder,
}

/// Judges rows, once it knows the columns.
#[derive(Debug)]
pub(super) struct Judge {
    parts: Vec<Part>,
    recipient_slot: Option<usize>,
    /// Then nobody can say which of them is meant, and the file as a whole is told so.
    has_duplicate_recipients: bool,
}

impl Judge {
    pub(super) fn new(
        settings: &Settings,
        columns: &Columns,
        has_duplicate_recipients: bool,
    ) -> Self {
        let channel = settings.template.channel();
        let part = |key: &str| match (channel, recipient_columns::keys(channel).contains(&key)) {
            (Channel::Letter, true) => Part::AddressLine,
            (_, true) => Part::Recipient,
            (_, false) if settings.template.placeholders().contains_key(key) => Part::Placeholder,
            (_, false) => Part::Ignored,
        };
        let parts: Vec<Part> = columns.slots().iter().map(|slot| part(&slot.key)).collect();
        let recipient_slot = parts.iter().position(|part| *part == Part::Recipient);
        Self {
            parts,
            recipient_slot,
            has_duplicate_recipients,
        }
    }

    /// Whether the template makes no use of the slot.
    pub(super) fn ignores(&self, slot: usize) -> bool {
        self.parts[slot] == Part::Ignored
    }

    /// What is wrong with the row, and what its recipient is.
    pub(super) fn judge(&self, row: &Row<'_>, settings: &Settings) -> (Verdict, Recipient) {
        let recipient = self.recipient_slot.and_then(|slot| row.value_in(slot));
        let number = match (settings.template.channel(), recipient) {
            (Channel::Sms, Some(CellValue::Text(text))) => Some(PhoneNumber::parse(text)),
            _ => None,
        };
        let kind = match (recipient, number) {
            (Some(CellValue::List(_)), _) => Recipient::Several,
            (Some(CellValue::Text(_)), Some(Ok(number))) if !number.is_uk() => {
                Recipient::International
            }
            (Some(CellValue::Text(_)), _) => Recipient::Other,
            (Some(CellValue::Empty) | None, _) => Recipient::Missing,
        };
        if settings.validation == Validation::Nothing {
            return (Verdict::default(), kind);
        }
        (self.verdict(row, number, settings), kind)
    }

    fn verdict(
        &self,
        row: &Row<'_>,
        number: Option<Result<PhoneNumber, PhoneError>>,
        settings: &Settings,
    ) -> Verdict {
        let mut verdict = Verdict {
            message: settings.template.problems_with(row),
            ..Verdict::default()
        };
        for (slot, part) in self.parts.iter().enumerate() {
            let Some(value) = row.value_in(slot) else {
                continue;
            };
            let problem = match part {
                Part::Ignored | Part::AddressLine => None,
                Part::Placeholder => (*value == CellValue::Empty).then_some(CellProblem::Missing),
                Part::Recipient => self.recipient_problem(value, number, settings),
            };
            if let Some(problem) = problem {
                verdict.has_bad_recipient |= problem.is_recipient_error();
                verdict.cells.push((slot, problem));
            }
        }
        if settings.template.channel() == Channel::Letter {
            let address = PostalAddress::from_personalisation(
                &row.address(),
                settings.allow_international_letters,
            );
            verdict.address = address.error();
            verdict.has_bad_recipient = verdict.address.is_some();
        }
        verdict
    }

    fn recipient_problem(
        &self,
        value: &CellValue<'_>,
        number: Option<Result<PhoneNumber, PhoneError>>,
        settings: &Settings,
    ) -> Option<CellProblem> {
        let Some(text) = value.text() else {
            return (!self.has_duplicate_recipients).then_some(CellProblem::Missing);
        };
        match number {
            None => recipients::email_addresses::EmailAddress::parse(text)
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
