use crate::{Channel, words::words};

words! {
    /// What a service may do (`docs/spec/public-api.md` §1.1).
    Permission, "permission" {
        /// Send e-mails.
        Email = "email",
        /// Send text messages.
        Sms = "sms",
        /// Send letters.
        Letter = "letter",
        /// Send texts to numbers outside country code 44.
        InternationalSms = "international_sms",
        /// Send texts to UK landlines.
        SmsToUkLandlines = "sms_to_uk_landlines",
        /// Send letters abroad.
        InternationalLetters = "international_letters",
        /// Receive texts.
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

words! {
    /// What is counted by the day: a channel, or the texts among them that go abroad (`docs/spec/public-api.md` §4).
    Allowance, "daily allowance" {
        /// E-mails.
        Email = "email",
        /// Text messages, those abroad included.
        Sms = "sms",
        /// Letters.
        Letter = "letter",
        /// Text messages to numbers outside country code 44.
        InternationalSms = "international_sms",
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
    /// How many a day a live service may send unless it was changed (`docs/spec/public-api.md` §4).
    pub const fn standard_limit(self) -> i64 {
        match self {
            Self::Email | Self::Sms => 250_000,
            Self::Letter => 20_000,
            Self::InternationalSms => 100,
        }
    }
}
