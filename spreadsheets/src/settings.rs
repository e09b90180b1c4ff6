use super::{ReadError, Record, Template, header::Header};
use recipients::{guest_lists::GuestList, phone_numbers::Permissions};

/// What a file is checked against (`docs/spec/recipients.md` §8.1).
#[derive(Clone, Debug)]
pub struct Settings {
    /// The template that the rows fill.
    pub template: Template,
    /// Rows past this many are only counted. Default: 100,000.
    pub max_rows: usize,
    /// How many rows in error are shown. Default: 20.
    pub max_errors_shown: usize,
    /// After how many rows in error the check needs no more rows. Default: it reads all of them.
    pub max_errors: Option<usize>,
    /// How many of the first rows are shown. Default: 10.
    pub max_initial_rows_shown: usize,
    /// The only recipients that are allowed, unless the list is empty. Default: empty. It does not apply to letters.
    pub guest_list: GuestList,
    /// How many messages the service may still send today. Default: any number.
    pub remaining_messages: Option<i64>,
    /// How many text messages to other countries the service may still send today. Default: any number.
    pub remaining_international_sms_messages: Option<i64>,
    /// The kinds of numbers that the service may send to besides UK mobiles. Default: none.
    pub phone_permissions: Permissions,
    /// Whether a UK number with too many digits is an error even if it could be read as a number abroad.
    pub rejects_ambiguous_numbers: bool,
    /// Whether letters may go to other countries. Default: no.
    pub allow_international_letters: bool,
    /// Whether a header that looks like the name of a missing column, and differs from it by line ends, no-break spaces or
    /// characters without width, counts as that column. Default: no, as published.
    pub tidies_headers: bool,
    /// How a row with more cells than the header is treated. Default: as a warning.
    pub long_rows: LongRows,
    /// What is checked. Default: everything.
    pub validation: Validation,
}

/// How a row with more cells than the header is treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LongRows {
    /// As a warning, because the published rules accept such rows.
    #[default]
    WarnedAbout,
    /// As an error of the file.
    Refused,
}

/// How much of a file is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Validation {
    /// Every cell and every message.
    #[default]
    Everything,
    /// Everything, but a phone number is not an error.
    AllButPhoneNumbers,
    /// The rows are read and counted; nothing in them is an error.
    Nothing,
}

impl Settings {
    /// Returns the defaults for this template.
    pub fn new(template: Template) -> Self {
        Self {
            template,
            // The published defaults (`docs/spec/recipients.md` §8.1); what is our own is off.
            max_rows: 100_000,
            max_errors_shown: 20,
            max_errors: None,
            max_initial_rows_shown: 10,
            guest_list: GuestList::default(),
            remaining_messages: None,
            remaining_international_sms_messages: None,
            phone_permissions: Permissions::default(),
            rejects_ambiguous_numbers: false,
            allow_international_letters: false,
            tidies_headers: false,
            long_rows: LongRows::WarnedAbout,
            validation: Validation::Everything,
        }
    }

    /// Reads the header of a file.
    pub(super) fn read_header(&self, record: &Record) -> Result<Header, ReadError> {
        let header = Header::read(record)?;
        Ok(if self.tidies_headers {
            header.tidied(|key| self.template.wants_column(key))
        } else {
            header
        })
    }
}
