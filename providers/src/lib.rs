//! Adapters to the outside world: providers of messages, the virus scanner, the file service.
//!
//! There is one port for each channel: [`EmailProvider`], [`SmsProvider`], [`LetterProvider`]. A provider takes one rendered
//! message and returns a [`SendReceipt`], or a [`SendError`] that says what the caller can do. Rendering, choosing a
//! provider, retrying and recording belong to `app`.
//!
//! A provider is one folder, with its settings, sending, the parsing of its receipts and inbound messages, and its status
//! table. [`registry`] lists the kinds that settings can name.
//!
//! Every adapter guarantees, and the conformance suite (`tests/outside/conformance`) checks:
//!
//! * **Unknown outcomes are reported as such.** [`SendError::Unknown`] is returned when, and only when, the provider may have
//!   the message: the whole request was sent and no reply came. Every earlier failure means that nothing was sent.
//! * **The same reference for a repeated send** (`Message-ID`, `{reference}`), so that both sides can recognise duplicates.
//! * **No personal data in errors and logs.** Providers often echo the number that they refuse. A [`Detail`] holds only our own
//!   words, statuses and codes, and the `Debug` output of a message shows nothing but its id.
//! * **Limits**: on connecting, on waiting for a reply, on the size of the reply.
//!
//! URLs that services gave, such as those of callbacks, are called by [`outbound`] only.
//!
//! The caller passes the time with each message as `at`; nothing here reads the clock.

pub mod amazon;
pub mod aws;
pub mod documents;
pub mod email;
mod error;
mod http;
pub mod letter;
pub mod outbound;
pub mod registry;
mod replaceable;
pub mod scan;
mod secret;
mod settings;
pub mod sink;
pub mod sms;

pub use documents::{FileService, Upload, UploadError};
pub use email::{Email, EmailProvider};
pub use error::{Detail, RejectReason, SendError, SendReceipt, SettingsError};
pub use letter::{Letter, LetterProvider};
pub use replaceable::Replaceable;
pub use scan::{ScanError, ScanResult, Scanner};
pub use secret::Secret;
pub use settings::{ProviderKind, ProviderSettings, ReceiptWay, Server};
pub use sink::Sink;
pub use sms::{Sms, SmsProvider};
