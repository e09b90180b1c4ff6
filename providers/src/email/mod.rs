//! E-mail: the port [`EmailProvider`] and its providers.

mod address;
mod body;
pub mod dsn;
pub mod maildir;
pub(crate) mod mime;
pub(crate) mod rfc2047;
pub mod ses;
pub mod smtp;

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use crate::{SendError, SendReceipt};

/// A rendered e-mail, ready to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Email {
    /// The notification's id: the reference that every attempt to send this message carries.
    pub id: Uuid,
    /// The time of this attempt; becomes the `Date`.
    pub at: Timestamp,
    /// The sender's display name. Any text.
    pub from_name: String,
    /// The sender's address: `local part@domain`.
    pub from_address: String,
    /// The recipient's address.
    pub to: String,
    /// The address for replies, if it is not the sender's.
    pub reply_to: Option<String>,
    /// The subject. Any text.
    pub subject: String,
    /// The plain text body.
    pub plain_body: String,
    /// The HTML body: a whole document.
    pub html_body: String,
    /// A URL that unsubscribes the recipient by one POST, for `List-Unsubscribe` (`docs/spec/public-api.md` §21, RFC 8058).
    pub unsubscribe_url: Option<String>,
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Email")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Sends e-mails.
#[async_trait]
pub trait EmailProvider: Send + Sync {
    /// Returns the identifier of the provider's row (`ses`), by which it is chosen, recorded and logged.
    fn name(&self) -> &str;

    /// Returns whether delivery receipts follow. If not, acceptance is final.
    fn reports_delivery(&self) -> bool;

    /// Returns how many messages can usefully be sent at the same time; at least 1.
    fn concurrency(&self) -> usize;

    /// Sends one e-mail. Dropping the future leaves the outcome unknown.
    async fn send(&self, email: &Email) -> Result<SendReceipt, SendError>;
}
