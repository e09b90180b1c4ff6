//! From a text to a number that may be sent to (`docs/spec/recipients.md` §2.2, §2.3 and §2.8).

use super::{
    PhoneError, PhoneNumber,
    numbering_plans::{LengthCheck, main_region},
    parse_number::{DefaultRegion, ParsedNumber, parse_number},
};

/// What a number is wanted for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Messages are sent to it.
    Sending,
    /// A service shows it to its users, so it may be a short code.
    ServiceContact,
}

/// Tries the text as it stands, and once more with what people wrongly put in front of a number taken off.
pub(super) fn parse(text: &str, purpose: Purpose) -> Result<PhoneNumber, PhoneError> {
    attempt(text, purpose).or_else(|_| attempt(&rescued(text), purpose))
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

/// The number, if its length is used in its country; else what its text says with a plus in front, if that makes sense.
fn with_possible_length(number: ParsedNumber, text: &str) -> Result<ParsedNumber, PhoneError> {
    let error = match check_length(&number) {
        LengthCheck::Possible => return Ok(number),
        LengthCheck::TooLong => PhoneError::TooLong,
        LengthCheck::TooShort | LengthCheck::LocalOnly => PhoneError::TooShort,
        LengthCheck::InvalidLength => PhoneError::InvalidNumber,
    };
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
