use thiserror::Error;

/// Reason why a text is not a phone number to which a message may be sent (`docs/spec/recipients.md` §2.9).
///
/// `Display` gives the message for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[error("{}", self.message())]
pub enum PhoneError {
    /// Not a number, or a type of number that cannot receive messages.
    InvalidNumber,
    /// More digits than numbers of its country have.
    TooLong,
    /// Fewer digits than numbers of its country have.
    TooShort,
    /// Not a UK mobile, but the service may only send to those.
    NotAUkMobile,
    /// Contains a character that does not occur in phone numbers.
    UnknownCharacter,
    /// Its calling code has no rate.
    UnsupportedCountryCode,
    /// The number of an emergency service.
    UnsupportedEmergencyNumber,
}

impl PhoneError {
    /// Returns the machine-readable name of the error.
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

    /// Returns the message for people.
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

    /// Returns the message of version 2 of the public API, which clients compare.
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
