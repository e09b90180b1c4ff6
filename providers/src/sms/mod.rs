//! Text messages: the port, and those who take them from us.

pub mod http;
mod template;
pub mod twilio;

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use crate::{Handed, SendError};

/// A text message, rendered and addressed, ready to be handed over.
#[derive(Clone, PartialEq, Eq)]
pub struct Sms {
    /// Our notification id: the reference that every hand-over of this message carries.
    pub id: Uuid,
    /// When this hand-over takes place.
    pub at: Timestamp,
    /// The number in international digits, without a plus: `447700900123`.
    pub to: String,
    /// The text, prefixed and with unsupported characters already replaced.
    pub content: String,
    /// Whom the message is from: a name of up to eleven characters, or a number.
    pub sender: String,
    /// Whether the number is outside the home country.
    pub international: bool,
}

impl fmt::Debug for Sms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sms")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Someone who takes text messages from us.
#[async_trait]
pub trait SmsProvider: Send + Sync {
    /// The identifier of the provider's row (`mmg`), by which it is chosen, recorded and logged.
    fn name(&self) -> &str;

    /// Whether it tells us later what became of a message. If not, acceptance is the last we hear.
    fn reports_delivery(&self) -> bool;

    /// Whether it may be given numbers outside the home country (workers, section 7.2).
    fn supports_international(&self) -> bool;

    /// How many messages it can usefully be given at the same time; at least one.
    fn concurrency(&self) -> usize;

    /// Hands over one text message. Dropping the future may leave the hand-over unknown.
    async fn send(&self, sms: &Sms) -> Result<Handed, SendError>;
}
