use std::{borrow::Cow, fmt, time::Duration};

use thiserror::Error;

/// A provider took the message.
///
/// If the provider reports deliveries, more will be heard later; if not, this is the last there is to hear.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Handed {
    /// The provider's own name for the message, by which its receipts speak of it. `None` if it gave none: then its
    /// receipts speak of our notification id.
    pub reference: Option<String>,
}

impl Handed {
    /// Taken, and the provider knows the message as `reference`.
    pub fn with_reference(reference: impl Into<String>) -> Self {
        Self {
            reference: Some(reference.into()),
        }
    }
}

/// Why a message was not, or perhaps not, handed over; one arm for each thing the caller can do about it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SendError {
    /// The provider has no room for us now. Nothing was taken. Try later, and send it less meanwhile.
    #[error("the provider asks us to slow down: {detail}")]
    Throttled {
        /// How long the provider asks us to wait, if it said.
        retry_after: Option<Duration>,
        /// What happened, fit for a log.
        detail: Detail,
    },
    /// The provider could not be spoken to, or failed, or does not accept us (an expired password, a wrong setting).
    /// Nothing was taken, and the message is not to blame. Try again, here or elsewhere.
    #[error("the provider is unavailable: {detail}")]
    Unavailable {
        /// What happened, fit for a log.
        detail: Detail,
    },
    /// The provider will never take this message. Trying again is of no use.
    #[error("the provider refuses the {why}: {detail}")]
    Rejected {
        /// What the provider holds against it.
        why: Refusal,
        /// What happened, fit for a log.
        detail: Detail,
    },
    /// The message was sent but no answer came: the provider may or may not have it. To send it again may deliver it
    /// twice, under the same reference (workers, section 7.1).
    #[error("the provider may or may not have taken it: {detail}")]
    Unknown {
        /// What happened, fit for a log.
        detail: Detail,
    },
}

/// What a provider holds against a message that it refuses for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The number or address cannot be reached, does not exist, or has asked not to be written to.
    Recipient,
    /// The content: too long, empty, forbidden.
    Message,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Recipient => "recipient",
            Self::Message => "message",
        })
    }
}

impl SendError {
    /// [`SendError::Throttled`] with no word about how long.
    pub fn throttled(detail: impl Into<Detail>) -> Self {
        Self::Throttled {
            retry_after: None,
            detail: detail.into(),
        }
    }

    /// [`SendError::Unavailable`].
    pub fn unavailable(detail: impl Into<Detail>) -> Self {
        Self::Unavailable {
            detail: detail.into(),
        }
    }

    /// [`SendError::Rejected`].
    pub fn rejected(why: Refusal, detail: impl Into<Detail>) -> Self {
        Self::Rejected {
            why,
            detail: detail.into(),
        }
    }

    /// [`SendError::Unknown`].
    pub fn unknown(detail: impl Into<Detail>) -> Self {
        Self::Unknown {
            detail: detail.into(),
        }
    }

    /// What happened, fit for a log.
    pub fn detail(&self) -> &Detail {
        match self {
            Self::Throttled { detail, .. }
            | Self::Unavailable { detail }
            | Self::Rejected { detail, .. }
            | Self::Unknown { detail } => detail,
        }
    }
}

/// A few words about what happened that can be logged and shown: never a recipient, content or secret.
///
/// That holds by construction. It begins with words from our own source (`&'static str`), and all that can be added
/// of a provider's answer is a status and a short code, in which anything long enough to be a telephone number is
/// masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail(Cow<'static, str>);

/// The longest code that is shown; Twilio's have five digits, SMTP's enhanced codes at most nine characters.
const MAX_CODE_LENGTH: usize = 40;

/// Seven digits may be somebody's number; no provider's code is as long.
const MAX_DIGITS: usize = 6;

impl Detail {
    /// Adds a status: `http 503`, `smtp 451`.
    #[must_use]
    pub(crate) fn with_status(self, protocol: &'static str, status: u16) -> Self {
        Self(format!("{}, {protocol} {status}", self.0).into())
    }

    /// Adds a provider's code if it looks like one; says nothing about it otherwise.
    #[must_use]
    pub(crate) fn with_code(self, code: &str) -> Self {
        let looks_like_a_code = !code.is_empty()
            && code.len() <= MAX_CODE_LENGTH
            && code
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
            && code
                .bytes()
                .filter(u8::is_ascii_digit)
                .count()
                .le(&MAX_DIGITS);
        if looks_like_a_code {
            Self(format!("{}, code {code}", self.0).into())
        } else {
            self
        }
    }
}

impl From<&'static str> for Detail {
    fn from(words: &'static str) -> Self {
        Self(Cow::Borrowed(words))
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Settings that cannot work, found when a provider is built and not when the first message waits.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// A setting has a value that cannot be used.
    #[error("the setting {setting} of provider {provider} is wrong: {why}")]
    Wrong {
        /// The provider's configured name.
        provider: String,
        /// The setting's name.
        setting: &'static str,
        /// What is wrong with it; never its value, which may be secret.
        why: String,
    },
    /// The TLS or HTTP machinery could not be set up.
    #[error("the connection of provider {provider} cannot be set up")]
    Connection {
        /// The provider's configured name.
        provider: String,
        /// What the library says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_shows_statuses_and_codes() {
        let detail = Detail::from("refused")
            .with_status("http", 400)
            .with_code("21211");
        assert_eq!(detail.to_string(), "refused, http 400, code 21211");
        assert_eq!(
            Detail::from("refused").with_code("5.1.1").to_string(),
            "refused, code 5.1.1"
        );
    }

    #[test]
    fn a_detail_never_shows_an_echoed_recipient() {
        for echo in [
            "447700900123",
            "44-7700-900123",
            "ada@example.com",
            "Ada Lovelace",
            "",
            "x\r\ny",
        ] {
            assert_eq!(
                Detail::from("refused").with_code(echo).to_string(),
                "refused"
            );
        }
    }
}
