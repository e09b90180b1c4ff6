use std::{borrow::Cow, fmt, time::Duration};

use thiserror::Error;

/// Acceptance of a message by a provider. Whether a delivery receipt follows is the port's `reports_delivery`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SendReceipt {
    /// The provider's id of the message, which its delivery receipts quote. `None`: they quote our notification id.
    pub reference: Option<String>,
}

impl SendReceipt {
    /// Creates a receipt with the provider's id of the message.
    pub fn with_reference(reference: impl Into<String>) -> Self {
        Self {
            reference: Some(reference.into()),
        }
    }
}

/// Why a message was not sent, or perhaps not; one variant for each reaction of the caller.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SendError {
    /// The provider limits our rate. Nothing was sent. Retry later, and send it less meanwhile.
    #[error("the provider asks us to slow down: {detail}")]
    Throttled {
        /// How long the provider asks us to wait, if it says so.
        retry_after: Option<Duration>,
        /// What happened, safe to log.
        detail: Detail,
    },
    /// The provider cannot be reached, fails, or refuses our credentials or configuration. Nothing was sent, and the message
    /// is not to blame. Retry, here or with another provider.
    #[error("the provider is unavailable: {detail}")]
    Unavailable {
        /// What happened, safe to log.
        detail: Detail,
    },
    /// The provider is well, but this recipient cannot take messages now: the mailbox is full, or has asked us to come back.
    /// Nothing was sent. Retry; if that does not help, the recipient is to blame and not the provider.
    #[error("the recipient takes no messages now: {detail}")]
    RecipientUnavailable {
        /// What happened, safe to log.
        detail: Detail,
    },
    /// The provider refuses this message for good. Retrying is useless.
    #[error("the provider refuses the {reason}: {detail}")]
    Rejected {
        /// What the provider objects to.
        reason: RejectReason,
        /// What happened, safe to log.
        detail: Detail,
    },
    /// The message was sent but no reply came: the provider may or may not have it. Retrying may deliver it twice, with the
    /// same reference (`docs/spec/workers.md` §7.1).
    #[error("the provider may or may not have taken it: {detail}")]
    Unknown {
        /// What happened, safe to log.
        detail: Detail,
    },
}

/// What a provider objects to in a message that it refuses for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectReason {
    /// The number or address does not exist, cannot be reached, or has opted out.
    Recipient,
    /// The content: too long, empty, forbidden.
    Message,
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Recipient => "recipient",
            Self::Message => "message",
        })
    }
}

impl SendError {
    /// Creates [`SendError::Throttled`] without a waiting time.
    pub fn throttled(detail: impl Into<Detail>) -> Self {
        Self::Throttled {
            retry_after: None,
            detail: detail.into(),
        }
    }

    /// Creates [`SendError::Unavailable`].
    pub fn unavailable(detail: impl Into<Detail>) -> Self {
        Self::Unavailable {
            detail: detail.into(),
        }
    }

    /// Creates [`SendError::RecipientUnavailable`].
    pub fn recipient_unavailable(detail: impl Into<Detail>) -> Self {
        Self::RecipientUnavailable {
            detail: detail.into(),
        }
    }

    /// Creates [`SendError::Rejected`].
    pub fn rejected(reason: RejectReason, detail: impl Into<Detail>) -> Self {
        Self::Rejected {
            reason,
            detail: detail.into(),
        }
    }

    /// Creates [`SendError::Unknown`].
    pub fn unknown(detail: impl Into<Detail>) -> Self {
        Self::Unknown {
            detail: detail.into(),
        }
    }

    /// Returns what happened, safe to log.
    pub fn detail(&self) -> &Detail {
        match self {
            Self::Throttled { detail, .. }
            | Self::Unavailable { detail }
            | Self::RecipientUnavailable { detail }
            | Self::Rejected { detail, .. }
            | Self::Unknown { detail } => detail,
        }
    }
}

/// A description that can be logged and shown: never a recipient, content or secret.
///
/// This holds by construction: it starts with a `&'static str` from our own source, and the only parts of a provider's reply
/// that can be added are a status and a short code without enough digits to be a phone number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail(Cow<'static, str>);

/// Longest code that is shown. Twilio's have five digits, enhanced SMTP codes at most nine characters.
const MAX_CODE_LENGTH: usize = 40;

/// Seven digits can be a phone number; no provider's code is as long.
const MAX_DIGITS: usize = 6;

impl Detail {
    /// Appends a status: `http 503`, `smtp 451`.
    #[must_use]
    pub(crate) fn with_status(self, protocol: &'static str, status: u16) -> Self {
        Self(format!("{}, {protocol} {status}", self.0).into())
    }

    /// Appends a provider's code, or nothing if it does not look like a code.
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

/// Invalid settings, found when a provider is built rather than when the first message is sent.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// A setting has an invalid value.
    #[error("the setting {setting} of provider {provider} is wrong: {reason}")]
    Invalid {
        /// The provider's configured name.
        provider: String,
        /// The setting's name.
        setting: &'static str,
        /// What is wrong; never the value, which may be secret.
        reason: String,
    },
    /// The TLS or HTTP client cannot be set up.
    #[error("the connection of provider {provider} cannot be set up")]
    Connection {
        /// The provider's configured name.
        provider: String,
        /// The library's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl SettingsError {
    pub(crate) fn invalid(
        provider: &str,
        setting: &'static str,
        reason: impl Into<String>,
    ) -> Self {
        Self::Invalid {
            provider: provider.to_owned(),
            setting,
            reason: reason.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_and_codes_are_shown() {
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
    fn an_echoed_recipient_is_never_shown() {
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
