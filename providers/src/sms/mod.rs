//! Text messages: the port [`SmsProvider`], its providers, and their receipts and inbound messages.

mod end_user_messaging;
pub mod firetext;
pub mod http;
pub mod mmg;
pub mod receipts;
mod reply_codes;
pub mod sms_v2;
mod template;
pub mod twilio;

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use self::receipts::SmsReceiver;
use crate::{SendError, SendReceipt};

/// A rendered text message, ready to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Sms {
    /// The notification's id: the reference that every attempt to send this message carries.
    pub id: Uuid,
    /// The time of this attempt.
    pub at: Timestamp,
    /// The number in international digits, without a plus: `447700900123`.
    pub to: String,
    /// The text, with its prefix, and unsupported characters already replaced.
    pub content: String,
    /// The sender: a name of up to eleven characters, or a number.
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

/// Sends text messages.
#[async_trait]
pub trait SmsProvider: Send + Sync {
    /// Returns the identifier of the provider's row (`mmg`), by which it is chosen, recorded and logged.
    fn name(&self) -> &str;

    /// Returns whether delivery receipts follow. If not, acceptance is final.
    fn reports_delivery(&self) -> bool;

    /// Returns whether it may be given numbers outside the home country (`docs/spec/workers.md` §7.2).
    fn supports_international(&self) -> bool;

    /// Returns how many messages can usefully be sent at the same time; at least 1.
    fn concurrency(&self) -> usize;

    /// Returns what parses the requests that the provider makes to the platform, if it makes any by a rule in its settings.
    fn receiver(&self) -> Option<&dyn SmsReceiver> {
        None
    }

    /// Sends one text message. Dropping the future leaves the outcome unknown.
    async fn send(&self, sms: &Sms) -> Result<SendReceipt, SendError>;
}
