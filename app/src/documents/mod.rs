//! Files by e-mail: what a service sends with a message, kept until its recipient has downloaded it or its time is over
//! (`docs/spec/public-api.md` §9).
//!
//! Each file has a key of its own, 256 random bits that stand in its link and nowhere else. Bytes, name and the mark of
//! the recipient's address are sealed with it: without the link neither the database, nor the file storage, nor our
//! keyring opens a file (`docs/decisions/files-by-email.md`). The link is known before anything is written, so a
//! message that is refused writes nothing.
//!
//! `prepare` checks a file and makes its link, `keep` and `keep_for_rows` write, `remove` takes back; [`open()`],
//! [`confirm()`] and [`read()`] are for whoever comes with a link; `remove_expired` is the clock's.

mod attempt_limiter;
mod erase;
mod file_types;
mod key;
mod open;
mod prepare;
mod remove_expired;
mod store;
pub mod template_files;

pub(crate) use attempt_limiter::AttemptLimiter;
pub(crate) use erase::{links_in, remove_behind};
pub use file_types::SUPPORTED;
pub use open::{Confirmed, FileAccess, PASS_SECONDS, confirm, open, read};
pub(crate) use prepare::{Bytes, FileRequest, Identity, PrepareError, PreparedFile, prepare};
pub use prepare::{FileError, FileRejected};
pub(crate) use remove_expired::remove_expired;
pub(crate) use store::{remove, store, store_for_rows};

/// For how many weeks a file is kept when its sender does not say (`docs/spec/public-api.md` §9.1).
pub const STANDARD_WEEKS: u32 = 26;
/// The most that a sender may ask for.
pub(crate) const MAX_WEEKS: u32 = 78;
