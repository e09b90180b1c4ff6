//! Validation of the number of a recipient or a service (`docs/spec/recipients.md` §2.2, §2.3 and §2.8).

use super::{
    PhoneError, PhoneNumber,
    numbering_plans::{LengthCheck, main_region},
    parse_number::{DefaultRegion, ParsedNumber, parse_number},
};

/// Intended use of a number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Messages are sent to it.
    Sending,
    /// A service shows it to its users, so it may be a short code.
    ServiceContact,
}

/// Parses the text as it is, then without prefixes that are often put before a number by mistake.
pub(super) fn parse(text: &str, purpose: Purpose) -> Result<PhoneNumber, PhoneError> {
    attempt(text, purpose).or_else(|_| attempt(&rescued(text), purpose))
}

/// Like [`parse`], but rejects a number abroad that was found in a text in UK national form.
pub(super) fn parse_recipient(text: &str) -> Result<PhoneNumber, PhoneError> {
    let number = parse(text, Purpose::Sending)?;
    // The second attempt drops the leading 0, so a UK number with a digit too many can look like a number abroad:
    // `07900 9001234` like +7 900 900 12 34 in Russia. A digit too many is a typing error, and the message is personal.
    if number.is_uk() || !is_in_national_form(text) {
        return Ok(number);
    }
    // The error of the text as it is: usually that it is too long.
    attempt(text, Purpose::Sending).and(Err(PhoneError::TooLong))
}

/// Returns whether the digits begin with a single 0, the UK trunk prefix. `00` and `+` precede calling codes.
fn is_in_national_form(text: &str) -> bool {
    let mut signs = text
        .chars()
        .filter(|character| character.is_ascii_digit() || *character == '+');
    signs.next() == Some('0') && signs.next().is_some_and(|sign| !matches!(sign, '0' | '+'))
}

fn rescued(text: &str) -> String {
    let without_plus = text.replace('+', "");
    text::ascii(without_plus.trim_start_matches('0')).into_owned()
}

fn attempt(text: &str, purpose: Purpose) -> Result<PhoneNumber, PhoneError> {
    if !text.chars().all(may_be_in_a_number) {
        return Err(PhoneError::UnknownCharacter);
    }
    if text.is_empty() {
        return Err(PhoneError::TooShort);
    }
    let parsed =
        parse_number(text, DefaultRegion::UnitedKingdom).ok_or(PhoneError::InvalidNumber)?;
    if purpose == Purpose::ServiceContact && parsed.national.value().len() == 3 {
        return short_contact_number(parsed);
    }
    let number = PhoneNumber::from_parsed(with_possible_length(parsed, text)?);
    // Numbers for drama have no type in the plan; documentation and tests use them.
    if number.number_type().may_be_sent_to() || number.is_tv_number() {
        Ok(number)
    } else {
        Err(PhoneError::InvalidNumber)
    }
}

fn may_be_in_a_number(character: char) -> bool {
    matches!(character, '0'..='9' | '(' | ')' | '-' | '+') || text::is_known_space(character)
}

fn short_contact_number(number: ParsedNumber) -> Result<PhoneNumber, PhoneError> {
    match number.national.value() {
        "999" | "112" => Err(PhoneError::UnsupportedEmergencyNumber),
        _ => Ok(PhoneNumber::from_parsed(number)),
    }
}

/// Returns the number if its length is used in its country, else what the text means with a plus prepended, if that
/// is possible.
fn with_possible_length(number: ParsedNumber, text: &str) -> Result<ParsedNumber, PhoneError> {
    let error = match check_length(&number) {
        LengthCheck::Possible => return Ok(number),
        LengthCheck::TooLong => PhoneError::TooLong,
        LengthCheck::TooShort | LengthCheck::LocalOnly => PhoneError::TooShort,
        LengthCheck::InvalidLength => PhoneError::InvalidNumber,
    };
    // A number from abroad is often written without its plus.
    parse_number(&format!("+{text}"), DefaultRegion::None)
        .filter(|number| {
            matches!(
                check_length(number),
                LengthCheck::Possible | LengthCheck::LocalOnly
            )
        })
        .ok_or(error)
}

fn check_length(number: &ParsedNumber) -> LengthCheck {
    main_region(number.calling_code).check_length(number.national.as_bytes())
}
