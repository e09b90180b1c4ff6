use crate::{Channel, words::string_enum};

string_enum! {
    /// Feature that a service may use (`docs/spec/public-api.md` §1.1).
    pub enum Permission: "permission" {
        /// Send e-mails.
        Email = "email",
        /// Send text messages.
        Sms = "sms",
        /// Send letters within the United Kingdom.
        Letter = "letter",
        /// Send text messages to numbers outside country code 44.
        InternationalSms = "international_sms",
        /// Send text messages to UK landlines.
        SmsToUkLandlines = "sms_to_uk_landlines",
        /// Send text messages with characters outside the GSM alphabet, in smaller fragments.
        UnicodeSms = "unicode_sms",
        /// Send letters abroad.
        InternationalLetters = "international_letters",
        /// Receive text messages.
        InboundSms = "inbound_sms",
    }
}

impl From<Channel> for Permission {
    fn from(channel: Channel) -> Self {
        match channel {
            Channel::Sms => Self::Sms,
            Channel::Email => Self::Email,
            Channel::Letter => Self::Letter,
        }
    }
}

string_enum! {
    /// Daily quota of a service: one for each channel, and one for international text messages
    /// (`docs/spec/public-api.md` §4).
    pub enum Allowance: "daily allowance" {
        /// E-mails sent per day.
        Email = "email",
        /// Text messages, including international ones.
        Sms = "sms",
        /// Letters sent per day.
        Letter = "letter",
        /// Text messages to numbers outside country code 44; they also count as [`Allowance::Sms`].
        InternationalSms = "international_sms",
        /// Text messages to numbers that Ofcom reserves for drama; they also count as [`Allowance::Sms`]. Counted, so
        /// that a service that tries stolen details on them is noticed (`docs/spec/workers.md` §16).
        SmsToTvNumbers = "sms_to_tv_numbers",
    }
}

impl From<Channel> for Allowance {
    fn from(channel: Channel) -> Self {
        match channel {
            Channel::Sms => Self::Sms,
            Channel::Email => Self::Email,
            Channel::Letter => Self::Letter,
        }
    }
}

impl Allowance {
    /// Returns the quota per day of a live service that has no limit of its own (`docs/spec/public-api.md` §4).
    pub const fn standard_limit(self) -> i64 {
        match self {
            Self::Email | Self::Sms => 250_000,
            Self::Letter => 20_000,
            Self::InternationalSms => 100,
            Self::SmsToTvNumbers => i64::MAX,
        }
    }
}
