//! Postal addresses: how they are cleaned up, what is known about them, what is wrong with them
//! (`docs/spec/recipients.md` §6).

mod bfpo;
mod error;
mod parse_address;
mod personalisation;

use serde_json::{Map, Value};

use crate::countries::{self, PostageZone, UNITED_KINGDOM};

pub use bfpo::BfpoNumber;
pub use error::AddressError;

const FEWEST_LINES: usize = 3;
const MOST_LINES: usize = 7;
const FORBIDDEN_FIRST_CHARACTERS: &str = "@()=[]\"\\/,<>~";
const NO_FIXED_ABODE: &[&str] = &["no fixed abode", "no fixed address"];

/// An address that a letter is to be sent to. It may be wrong: ask for its [`error`](Self::error).
#[derive(Clone, Debug)]
pub struct PostalAddress {
    international_letters_allowed: bool,
    /// What is printed, a line each. An address of nothing has one empty line.
    lines: Vec<String>,
    country: &'static str,
    postcode: Option<String>,
    bfpo_number: Option<BfpoNumber>,
}

impl PostalAddress {
    /// An address from its text, a line for each line (`docs/spec/recipients.md` §6.1).
    pub fn from_text(text: &str, international_letters_allowed: bool) -> Self {
        parse_address::read(text, international_letters_allowed)
    }

    /// An address from the data that a template is filled in with (`docs/spec/recipients.md` §6.3).
    pub fn from_personalisation(
        values: &Map<String, Value>,
        international_letters_allowed: bool,
    ) -> Self {
        Self::from_text(
            &Self::text_of_personalisation(values),
            international_letters_allowed,
        )
    }

    /// The text of the address in the data that a template is filled in with (`docs/spec/recipients.md` §6.3): seven
    /// lines.
    pub fn text_of_personalisation(values: &Map<String, Value>) -> String {
        personalisation::text_of(values)
    }

    /// Whether letters to other countries were allowed when the address was made.
    pub fn international_letters_allowed(&self) -> bool {
        self.international_letters_allowed
    }

    /// The lines as they are printed.
    pub fn normalised_lines(&self) -> &[String] {
        &self.lines
    }

    /// The lines joined with line feeds.
    pub fn normalised(&self) -> String {
        self.lines.join("\n")
    }

    /// The lines joined with commas.
    pub fn as_single_line(&self) -> String {
        self.lines.join(", ")
    }

    /// Whether nothing would be printed.
    pub fn is_empty(&self) -> bool {
        self.lines.iter().all(String::is_empty) && self.lines.len() <= 1
    }

    /// How many lines are printed.
    pub fn line_count(&self) -> usize {
        if self.is_empty() { 0 } else { self.lines.len() }
    }

    /// Whether there are three lines or more.
    pub fn has_enough_lines(&self) -> bool {
        self.line_count() >= FEWEST_LINES
    }

    /// Whether there are more than seven lines.
    pub fn has_too_many_lines(&self) -> bool {
        self.line_count() > MOST_LINES
    }

    /// The canonical name of the country.
    pub fn country(&self) -> &'static str {
        self.country
    }

    /// How far the letter goes.
    pub fn postage(&self) -> PostageZone {
        countries::postage_zone(self.country)
    }

    /// Whether the letter leaves the United Kingdom.
    pub fn is_international(&self) -> bool {
        self.postage() != PostageZone::UnitedKingdom
    }

    /// The postcode as it is printed, of an address in the United Kingdom that ends in one.
    pub fn postcode(&self) -> Option<&str> {
        self.postcode.as_deref()
    }

    /// Whether there is a postcode.
    pub fn has_valid_postcode(&self) -> bool {
        self.postcode.is_some()
    }

    /// The number of the British Forces Post Office, if the address has one.
    pub fn bfpo_number(&self) -> Option<&BfpoNumber> {
        self.bfpo_number.as_ref()
    }

    /// Whether the address is one of the British Forces Post Office.
    pub fn is_bfpo_address(&self) -> bool {
        self.bfpo_number.is_some()
    }

    /// The lines of a BFPO address without its number and postcode, which are printed elsewhere.
    pub fn bfpo_address_lines(&self) -> Option<&[String]> {
        self.is_bfpo_address().then(|| self.lines_before_the_last())
    }

    /// Whether it is a BFPO address with a country, which such addresses must not have.
    pub fn has_invalid_country_for_bfpo_address(&self) -> bool {
        self.is_international() && self.is_bfpo_address()
    }

    /// Whether the address ends as one must: in a country, a postcode or a BFPO number.
    pub fn has_valid_last_line(&self) -> bool {
        if self.is_international() {
            self.international_letters_allowed && !self.is_bfpo_address()
        } else {
            self.has_valid_postcode() || self.is_bfpo_address()
        }
    }

    /// Whether a line begins with a character that printing machines stumble over.
    pub fn has_invalid_characters(&self) -> bool {
        self.lines
            .iter()
            .any(|line| line.starts_with(|first| FORBIDDEN_FIRST_CHARACTERS.contains(first)))
    }

    /// Whether the address says that there is none.
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

    /// Whether each of the first two lines has a letter or a digit of ASCII.
    pub fn has_alphanumeric_character_in_address_lines_1_and_2(&self) -> bool {
        matches!(self.lines.as_slice(), [first, second, ..] if has_alphanumeric(first) && has_alphanumeric(second))
    }

    /// Whether a letter can be sent to the address.
    pub fn is_valid(&self) -> bool {
        self.error().is_none()
    }

    /// The first thing that is wrong with the address, in the order in which the API looks
    /// (`docs/spec/recipients.md` §6.4).
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

    /// The address as data for a template: `address_line_1` to `address_line_6`, `postcode`, `address_line_7`.
    ///
    /// Nothing, if the address has no lines at all.
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

    /// The lines but for the last, or the last two of a BFPO address with a postcode.
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
    /// Two addresses are equal if the same would be printed, under the same rules.
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

/// Lower case as matching that looks past case knows it: three letters outside ASCII stand for ones inside.
fn in_plain_lower_case(character: char) -> char {
    match character {
        '\u{131}' | '\u{130}' => 'i',
        '\u{17F}' => 's',
        _ => character.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests;
