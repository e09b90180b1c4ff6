//! Files sent by e-mail, stored until they expire (`docs/spec/public-api.md` §9).
//!
//! Each file has its own 256-bit key, which exists only in its link. The content, the name and the keyed hash of the
//! recipient's address are sealed with keys derived from it, so neither the database nor the file storage nor the
//! server's keyring opens a file without its link (`docs/decisions/files-by-email.md`). The link is known
//! before anything is written, so a rejected message leaves nothing behind.
//!
//! `prepare` checks a file and creates its link; `store` and `store_for_rows` write files and `remove` undoes that;
//! [`open()`], [`confirm()`] and [`read()`] serve the recipient; `remove_expired` runs on a schedule.

mod attempt_limiter;
mod erase;
mod file_types;
mod key;
mod open;
mod prepare;
mod remove_expired;
mod store;
pub mod template_files;

use attempt_limiter::AttemptLimiter;
pub(crate) use erase::{find_links, remove_linked};
pub use file_types::SUPPORTED;
pub use open::{Confirmation, FileAccess, PASS_SECONDS, confirm, open, read};
pub(crate) use prepare::{Bytes, FileRequest, Identity, PrepareError, PreparedFile, prepare};
pub use prepare::{FileError, FileRejected};
pub(crate) use remove_expired::remove_expired;
pub(crate) use store::{remove, store, store_for_rows};

/// Default retention in weeks when the sender gives none (`docs/spec/public-api.md` §9.1).
pub const DEFAULT_WEEKS: u32 = 26;
/// Longest retention in weeks that a sender can ask for.
pub(crate) const MAX_WEEKS: u32 = 78;

/// What serving files knows between requests.
#[derive(Debug, Default)]
pub(crate) struct DocumentState {
    attempts: AttemptLimiter,
}
