//! The outside world that takes messages from us.
//!
//! Three ports, one per channel: [`EmailProvider`], [`SmsProvider`], [`LetterProvider`]. Each takes one finished
//! message and answers one of two things: it was *handed over*, or it was not and here is what that means for the
//! caller ([`SendError`]). Rendering, choosing a provider, retrying and recording belong to `app`.
//!
//! What every adapter promises:
//!
//! * **Honest doubt.** [`SendError::Unknown`] is answered when, and only when, the provider may have taken the message:
//!   our last byte was sent and no answer came. Everything that failed earlier is a plain "no".
//! * **The same reference twice.** A second hand-over of a notification carries the reference of the first (`Message-ID`,
//!   `{reference}`), so that both ends can see that they are one message.
//! * **Nothing personal leaves through errors or logs.** Providers like to echo the number they did not like; a
//!   [`Detail`] is made of our own words, statuses and codes only, and the messages' `Debug` shows their id alone.
//! * **A limit on everything**: connecting, waiting, the size of an answer that is read.
//!
//! Times are given by the caller, as `at` in each message; nothing here looks at the clock.

pub mod documents;
pub mod email;
mod http;
pub mod letter;
mod outcome;
pub mod scan;
mod secret;
pub mod sink;
pub mod sms;

pub use documents::{FileService, Upload, UploadError};
pub use email::{Email, EmailProvider};
pub use letter::{Letter, LetterProvider};
pub use outcome::{Detail, Handed, Refusal, SendError, SettingsError};
pub use scan::{Finding, ScanError, Scanner};
pub use secret::Secret;
pub use sink::Sink;
pub use sms::{Sms, SmsProvider};
