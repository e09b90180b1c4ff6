//! E-mail: the port, and those who take e-mails from us.

mod address;
mod body;
pub(crate) mod header_text;
pub(crate) mod mime;
pub mod smtp;

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use crate::{Handed, SendError};

/// An e-mail, rendered and addressed, ready to be handed over.
#[derive(Clone, PartialEq, Eq)]
pub struct Email {
    /// Our notification id: the reference that every hand-over of this message carries.
    pub id: Uuid,
    /// When this hand-over takes place; becomes the `Date`.
    pub at: Timestamp,
    /// The sender's display name; any text.
    pub from_name: String,
    /// The sender's address: `local part@domain`.
    pub from_address: String,
    /// The recipient's address.
    pub to: String,
    /// Where answers go, if not to the sender's address.
    pub reply_to: Option<String>,
    /// The subject; any text.
    pub subject: String,
    /// The body for those who read plain text.
    pub plain_body: String,
    /// The body for those who read HTML: a whole document.
    pub html_body: String,
    /// A URL that unsubscribes the recipient by one POST, for `List-Unsubscribe` (public API, section 21; RFC 8058).
    pub unsubscribe_url: Option<String>,
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Email")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Someone who takes e-mails from us.
#[async_trait]
pub trait EmailProvider: Send + Sync {
    /// The identifier of the provider's row (`ses`), by which it is chosen, recorded and logged.
    fn name(&self) -> &str;

    /// Whether it tells us later what became of a message. If not, acceptance is the last we hear.
    fn reports_delivery(&self) -> bool;

    /// How many messages it can usefully be given at the same time; at least one.
    fn concurrency(&self) -> usize;

    /// Hands over one e-mail. Dropping the future may leave the hand-over unknown.
    async fn send(&self, email: &Email) -> Result<Handed, SendError>;
}
