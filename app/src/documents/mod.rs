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

mod erase;
mod keep;
mod key;
mod kinds;
mod open;
mod prepare;
mod remove_expired;
pub mod template_files;
mod tries;

pub(crate) use erase::{links_in, remove_behind};
pub(crate) use keep::{keep, keep_for_rows, remove};
pub use kinds::SUPPORTED;
pub use open::{Confirmed, Opened, PASS_SECONDS, confirm, open, read};
pub(crate) use prepare::{Bytes, Draft, Identity, Order, PrepareError, prepare};
pub use prepare::{Fault, Refused};
pub(crate) use remove_expired::remove_expired;
pub(crate) use tries::Tries;

/// For how many weeks a file is kept when its sender does not say (`docs/spec/public-api.md` §9.1).
pub const STANDARD_WEEKS: u32 = 26;
/// The most that a sender may ask for.
pub(crate) const MAX_WEEKS: u32 = 78;
