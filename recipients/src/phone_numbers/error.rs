use thiserror::Error;

/// Why a text is not a phone number that a message may be sent to (`docs/spec/recipients.md` §2.9).
///
/// Displayed, it is the message for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[error("{}", self.message())]
pub enum PhoneError {
    /// It cannot be read as a number, or nothing may be sent to numbers of its type.
    InvalidNumber,
    /// It has more digits than numbers of its country.
    TooLong,
    /// It has fewer digits than numbers of its country.
    TooShort,
    /// The service may only send to UK mobiles, and this is another number.
    NotAUkMobile,
    /// It has a character that phone numbers are not written with.
    UnknownCharacter,
    /// Nobody has set a rate for its calling code.
    UnsupportedCountryCode,
    /// It calls an emergency service.
    UnsupportedEmergencyNumber,
}

impl PhoneError {
    /// The name by which the error is known to programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::InvalidNumber => "invalid_number",
            Self::TooLong => "too_long",
            Self::TooShort => "too_short",
            Self::NotAUkMobile => "not_a_uk_mobile",
            Self::UnknownCharacter => "unknown_character",
            Self::UnsupportedCountryCode => "unsupported_country_code",
            Self::UnsupportedEmergencyNumber => "unsupported_emergency_number",
        }
    }

    /// The message that people are shown.
    pub fn message(self) -> &'static str {
        match self {
            Self::InvalidNumber => {
                "Number is not valid – double check the phone number you entered"
            }
            Self::TooLong => "Mobile number is too long",
            Self::TooShort => "Mobile number is too short",
            Self::NotAUkMobile => {
                "This does not look like a UK mobile number – double check the mobile number you entered"
            }
            Self::UnknownCharacter => {
                "Mobile numbers can only include: 0 1 2 3 4 5 6 7 8 9 ( ) + -"
            }
            Self::UnsupportedCountryCode => {
                "Country code not found - double check the mobile number you entered"
            }
            Self::UnsupportedEmergencyNumber => "Phone number cannot be an emergency number",
        }
    }

    /// The message of the public API, version 2, which programs have come to rely on.
    pub fn legacy_message(self) -> &'static str {
        match self {
            Self::TooLong => "Too many digits",
            Self::TooShort => "Not enough digits",
            Self::NotAUkMobile => "Not a UK mobile number",
            Self::UnknownCharacter => "Must not contain letters or symbols",
            Self::UnsupportedCountryCode => "Not a valid country prefix",
            Self::InvalidNumber | Self::UnsupportedEmergencyNumber => self.message(),
        }
    }
}
