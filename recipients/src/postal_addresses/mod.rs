//! Postal addresses: normalisation, properties and validation (`docs/spec/recipients.md` §6).

mod bfpo;
mod error;
mod parse_address;
mod personalisation;

use serde_json::{Map, Value};

use crate::countries::{self, PostageZone, UNITED_KINGDOM};

pub use bfpo::BfpoNumber;
pub use error::AddressError;

const MIN_LINES: usize = 3;
const MAX_LINES: usize = 7;
const FORBIDDEN_FIRST_CHARACTERS: &str = "@()=[]\"\\/,<>~";
const NO_FIXED_ABODE: &[&str] = &["no fixed abode", "no fixed address"];

/// Address of a letter. It may be invalid: see [`error`](Self::error).
#[derive(Clone, Debug)]
pub struct PostalAddress {
    international_letters_allowed: bool,
    /// Lines to print. An empty address has one empty line.
    lines: Vec<String>,
    country: &'static str,
    postcode: Option<String>,
    bfpo_number: Option<BfpoNumber>,
}

impl PostalAddress {
    /// Parses an address from lines of text (`docs/spec/recipients.md` §6.1).
    pub fn from_text(text: &str, international_letters_allowed: bool) -> Self {
        parse_address::parse(text, international_letters_allowed)
    }

    /// Parses the address in personalisation (`docs/spec/recipients.md` §6.3).
    pub fn from_personalisation(
        values: &Map<String, Value>,
        international_letters_allowed: bool,
    ) -> Self {
        Self::from_text(
            &Self::text_of_personalisation(values),
            international_letters_allowed,
        )
    }

    /// Returns the address lines of personalisation as text (`docs/spec/recipients.md` §6.3): seven lines.
    pub fn text_of_personalisation(values: &Map<String, Value>) -> String {
        personalisation::text_of(values)
    }

    /// Returns whether international letters were allowed when the address was parsed.
    pub fn international_letters_allowed(&self) -> bool {
        self.international_letters_allowed
    }

    /// Returns the lines to print.
    pub fn normalised_lines(&self) -> &[String] {
        &self.lines
    }

    /// Returns the lines joined with line feeds.
    pub fn normalised(&self) -> String {
        self.lines.join("\n")
    }

    /// Returns the lines joined with commas.
    pub fn as_single_line(&self) -> String {
        self.lines.join(", ")
    }

    /// Returns whether there is nothing to print.
    pub fn is_empty(&self) -> bool {
        self.lines.iter().all(String::is_empty) && self.lines.len() <= 1
    }

    /// Returns the number of lines to print.
    pub fn line_count(&self) -> usize {
        if self.is_empty() { 0 } else { self.lines.len() }
    }

    /// Returns whether there are at least three lines.
    pub fn has_enough_lines(&self) -> bool {
        self.line_count() >= MIN_LINES
    }

    /// Returns whether there are more than seven lines.
    pub fn has_too_many_lines(&self) -> bool {
        self.line_count() > MAX_LINES
    }

    /// Returns the canonical name of the country.
    pub fn country(&self) -> &'static str {
        self.country
    }

    /// Returns the postage zone.
    pub fn postage(&self) -> PostageZone {
        countries::postage_zone(self.country)
    }

    /// Returns whether the address is outside the United Kingdom.
    pub fn is_international(&self) -> bool {
        self.postage() != PostageZone::UnitedKingdom
    }

    /// Returns the formatted postcode of a United Kingdom address that ends in one.
    pub fn postcode(&self) -> Option<&str> {
        self.postcode.as_deref()
    }

    /// Returns whether there is a postcode.
    pub fn has_valid_postcode(&self) -> bool {
        self.postcode.is_some()
    }

    /// Returns the BFPO number, if there is one.
    pub fn bfpo_number(&self) -> Option<&BfpoNumber> {
        self.bfpo_number.as_ref()
    }

    /// Returns whether this is a BFPO address.
    pub fn is_bfpo_address(&self) -> bool {
        self.bfpo_number.is_some()
    }

    /// Returns the lines of a BFPO address without number and postcode, which are printed separately.
    pub fn bfpo_address_lines(&self) -> Option<&[String]> {
        self.is_bfpo_address().then(|| self.lines_before_the_last())
    }

    /// Returns whether this is a BFPO address with a country, which is not allowed.
    pub fn has_invalid_country_for_bfpo_address(&self) -> bool {
        self.is_international() && self.is_bfpo_address()
    }

    /// Returns whether the last line is a country, a postcode or a BFPO number.
    pub fn has_valid_last_line(&self) -> bool {
        if self.is_international() {
            self.international_letters_allowed && !self.is_bfpo_address()
        } else {
            self.has_valid_postcode() || self.is_bfpo_address()
        }
    }

    /// Returns whether a line begins with a character that the print provider cannot process.
    pub fn has_invalid_characters(&self) -> bool {
        self.lines
            .iter()
            .any(|line| line.starts_with(|first| FORBIDDEN_FIRST_CHARACTERS.contains(first)))
    }

    /// Returns whether the address says "no fixed abode".
    pub fn has_no_fixed_abode_address(&self) -> bool {
        if self
            .lines
            .iter()
            .any(|line| line.eq_ignore_ascii_case("nfa"))
        {
            return true;
        }
        let normalised: String = self.normalised().chars().map(in_plain_lower_case).collect();
        NO_FIXED_ABODE
            .iter()
            .any(|phrase| normalised.contains(phrase))
    }

    /// Returns whether each of the first two lines has an ASCII letter or digit.
    pub fn has_alphanumeric_character_in_address_lines_1_and_2(&self) -> bool {
        matches!(self.lines.as_slice(), [first, second, ..] if has_alphanumeric(first) && has_alphanumeric(second))
    }

    /// Returns whether a letter can be sent to the address.
    pub fn is_valid(&self) -> bool {
        self.error().is_none()
    }

    /// Returns the first problem of the address, in the API's order (`docs/spec/recipients.md` §6.4).
    pub fn error(&self) -> Option<AddressError> {
        let found = [
            (!self.has_enough_lines(), AddressError::TooFewLines),
            (self.has_too_many_lines(), AddressError::TooManyLines),
            (
                !self.has_alphanumeric_character_in_address_lines_1_and_2(),
                AddressError::FirstLinesWithoutAlphanumericCharacter,
            ),
            (
                self.has_invalid_country_for_bfpo_address(),
                AddressError::CountryInBfpoAddress,
            ),
            // After the errors about numbers of lines: a last line that is missing is not a wrong one.
            (!self.has_valid_last_line(), self.last_line_error()),
            (
                self.has_invalid_characters(),
                AddressError::InvalidCharacters,
            ),
            (
                self.has_no_fixed_abode_address(),
                AddressError::NoFixedAbode,
            ),
        ];
        found
            .into_iter()
            .find_map(|(is_wrong, error)| is_wrong.then_some(error))
    }

    /// Returns the address as personalisation: `address_line_1` to `address_line_6`, `postcode`, `address_line_7`.
    ///
    /// `None` if the address has no lines.
    pub fn as_personalisation(&self) -> Option<Map<String, Value>> {
        personalisation::of(self)
    }

    fn last_line_error(&self) -> AddressError {
        if self.international_letters_allowed {
            AddressError::NeitherPostcodeNorCountry
        } else {
            AddressError::NoPostcode
        }
    }

    /// Returns all lines but the last, or the last two of a BFPO address with a postcode.
    fn lines_before_the_last(&self) -> &[String] {
        let last = if self.is_bfpo_address() && self.has_valid_postcode() {
            2
        } else {
            1
        };
        &self.lines[..self.lines.len().saturating_sub(last)]
    }
}

impl PartialEq for PostalAddress {
    /// Compares the printed lines and whether international letters are allowed.
    fn eq(&self, other: &Self) -> bool {
        self.lines == other.lines
            && self.international_letters_allowed == other.international_letters_allowed
            && self.bfpo_number == other.bfpo_number
            && self.country == other.country
    }
}

impl Eq for PostalAddress {}

fn has_alphanumeric(line: &str) -> bool {
    line.bytes().any(|byte| byte.is_ascii_alphanumeric())
}

/// Converts to lower case as case-insensitive regular expressions do: three non-ASCII letters match ASCII ones.
fn in_plain_lower_case(character: char) -> char {
    match character {
        '\u{131}' | '\u{130}' => 'i',
        '\u{17F}' => 's',
        _ => character.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests;
