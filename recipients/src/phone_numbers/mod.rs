//! Phone numbers: parsing, checking against a service's permissions, properties (`docs/spec/recipients.md` §2).
//!
//! Results depend only on the numbering plans compiled into the program.

mod digit_pattern;
mod error;
mod formats;
mod number_type;
mod numbering_plans;
mod parse_number;
mod parsing;
mod rates;

use std::fmt;

pub use error::PhoneError;
pub use number_type::NumberType;

use numbering_plans::{Region, regions_of};
use parse_number::{ParsedNumber, UK_CALLING_CODE};
use parsing::Purpose;

const NORTH_AMERICAN_CALLING_CODE: u16 = 1;

/// A phone number to which messages can be sent.
///
/// [`check`](Self::check) returns whether a given service may send to it. `Debug` does not show it.
#[derive(Clone, Copy)]
pub struct PhoneNumber {
    number: ParsedNumber,
    region: Option<&'static Region>,
    number_type: NumberType,
}

/// Kinds of numbers, besides UK mobiles, to which a service may send text messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    /// Numbers in other countries (`international_sms`).
    pub international: bool,
    /// UK landlines (`sms_to_uk_landlines`).
    pub uk_landline: bool,
}

impl Permissions {
    /// All permissions, for checking only the form of a number.
    pub const ALL: Self = Self {
        international: true,
        uk_landline: true,
    };
}

/// Returns whether delivery receipts are reliable for messages abroad billed under this dialling prefix, by the table
/// of rates (`docs/spec/workers.md` §9.1).
pub fn reports_delivery(prefix: &str) -> bool {
    let rate = prefix.parse().ok().and_then(rates::rate_of);
    rate.is_some_and(|rate| rate.reports_delivery)
}

impl PhoneNumber {
    /// Parses the number of a recipient (`docs/spec/recipients.md` §2.2), regardless of permissions.
    pub fn parse(text: &str) -> Result<Self, PhoneError> {
        parsing::parse(text, Purpose::Sending)
    }

    /// Parses the number of a recipient like [`parse`](Self::parse), but rejects a UK number with too many digits that
    /// could be read as a number abroad (`docs/spec/recipients.md` §2.3). What people type and paste goes through this.
    pub fn parse_recipient(text: &str) -> Result<Self, PhoneError> {
        parsing::parse_recipient(text)
    }

    /// Parses a number that a service shows to its users (`docs/spec/recipients.md` §2.8): short codes are allowed,
    /// emergency numbers are rejected.
    pub fn parse_service_contact(text: &str) -> Result<Self, PhoneError> {
        parsing::parse(text, Purpose::ServiceContact)
    }

    /// Checks whether a service with these permissions may send to the number (`docs/spec/recipients.md` §2.6).
    pub fn check(&self, permissions: Permissions) -> Result<(), PhoneError> {
        if !permissions.international && !self.is_uk() {
            return Err(PhoneError::NotAUkMobile);
        }
        // Reported as if it were abroad: the contract has one error for both.
        if !permissions.uk_landline && self.is_uk() && self.number_type.is_landline() {
            return Err(PhoneError::NotAUkMobile);
        }
        match rates::rate_of(self.number.calling_code) {
            Some(_) => Ok(()),
            None => Err(PhoneError::UnsupportedCountryCode),
        }
    }

    /// Returns calling code and national digits without a plus: `447700900123`.
    pub fn normalised(&self) -> String {
        format!(
            "{}{}",
            self.number.calling_code,
            self.number.national.as_str()
        )
    }

    /// Formats the number for display: `07700 900123`, `+33 6 12 98 76 54`.
    pub fn human_readable(&self) -> String {
        let (calling_code, digits) = (self.number.calling_code, self.number.national.as_bytes());
        if self.is_uk() {
            formats::national(calling_code, digits)
        } else {
            formats::international(calling_code, digits)
        }
    }

    /// Returns the calling code: 44, 1, 33, …
    pub fn country_code(&self) -> u16 {
        self.number.calling_code
    }

    /// Returns the digits after the calling code without leading zeros; at least `0`.
    pub fn national_number(&self) -> &str {
        self.number.national.value()
    }

    /// Returns the type of the number by its numbering plan.
    pub fn number_type(&self) -> NumberType {
        self.number_type
    }

    /// Returns the dialling prefix for billing: the calling code, or `1` and the area code where that has a rate of
    /// its own.
    pub fn country_prefix(&self) -> String {
        self.billing_prefix().to_string()
    }

    /// Returns whether the calling code is 44, which the crown dependencies share.
    pub fn is_uk(&self) -> bool {
        self.number.calling_code == UK_CALLING_CODE
    }

    /// Returns whether the number is outside Great Britain and Northern Ireland. Numbers in Jersey, Guernsey and the
    /// Isle of Man are; numbers reserved for drama never are.
    pub fn is_international(&self) -> bool {
        !self.is_in_great_britain() && !self.is_tv_number()
    }

    /// Returns whether the number is in Jersey, Guernsey or the Isle of Man.
    pub fn is_crown_dependency(&self) -> bool {
        self.is_uk() && self.is_international()
    }

    /// Returns whether the number is in the range that Ofcom reserves for drama, 07700 900000 to 900999.
    pub fn is_tv_number(&self) -> bool {
        // Only the start of the national number is compared, as the contract requires.
        self.number
            .national
            .value()
            .strip_prefix("7700")
            .is_some_and(|rest| !rest.is_empty())
    }

    /// Returns how many domestic messages one message to this number costs; `None` if there is no rate.
    pub fn rate_multiplier(&self) -> Option<u32> {
        if self.is_international() {
            rates::rate_of(self.billing_prefix()).map(|rate| rate.multiplier)
        } else {
            Some(1)
        }
    }

    /// Returns whether alphanumeric senders do not work at the number's destination; `None` if unknown.
    pub fn should_use_numeric_sender(&self) -> Option<bool> {
        rates::rate_of(self.billing_prefix()).map(|rate| rate.needs_numeric_sender)
    }

    fn from_parsed(number: ParsedNumber) -> Self {
        let (region, number_type) = region_and_type(&number);
        Self {
            number,
            region,
            number_type,
        }
    }

    fn is_in_great_britain(&self) -> bool {
        self.region.is_some_and(Region::is_great_britain)
    }

    fn billing_prefix(&self) -> u16 {
        let calling_code = self.number.calling_code;
        self.area_prefix()
            .filter(|&prefix| rates::rate_of(prefix).is_some())
            .unwrap_or(calling_code)
    }

    /// Returns 1 and the area code of a North American number.
    fn area_prefix(&self) -> Option<u16> {
        if self.number.calling_code != NORTH_AMERICAN_CALLING_CODE {
            return None;
        }
        // Caribbean countries share calling code 1 with the United States and have rates of their own.
        let area_code = self.number.national.as_str().get(..3)?;
        Some(1000 + area_code.parse::<u16>().ok()?)
    }
}

/// Returns the region and type of a number (`docs/spec/recipients.md` §2.5).
fn region_and_type(number: &ParsedNumber) -> (Option<&'static Region>, NumberType) {
    let digits = number.national.as_bytes();
    let regions = regions_of(number.calling_code);
    // Without rivals, a number of an unknown type still belongs to its country.
    if let [only] = regions {
        return (Some(only), only.type_of(digits));
    }
    for region in regions {
        match &region.leading_digits {
            Some(leading) if leading.matches_start(digits) => {
                return (Some(region), region.type_of(digits));
            }
            Some(_) => {}
            None => {
                // The main region has no leading digits: it gets the numbers that have a type in its plan.
                let number_type = region.type_of(digits);
                if number_type != NumberType::Unknown {
                    return (Some(region), number_type);
                }
            }
        }
    }
    (None, NumberType::Unknown)
}

impl PartialEq for PhoneNumber {
    fn eq(&self, other: &Self) -> bool {
        // All other fields are derived from the number.
        self.number == other.number
    }
}

impl Eq for PhoneNumber {}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "PhoneNumber(+{} {:?})",
            self.number.calling_code, self.number.national
        )
    }
}

#[cfg(test)]
mod tests;
