//! Content of messages: placeholders, Markdown, typography, and the text messages, e-mails and letters made with them.
//! Pure rules, no I/O, no clock.
//!
//! Each module implements a section of `docs/spec/templates.md`. Tables (alphabets, bank holidays, limits) are data in
//! `templates/data`, not code.

pub mod emails;
pub mod letter_timings;
pub mod letters;
pub mod links;
pub mod markdown;
pub mod placeholders;
pub mod qr_codes;
pub mod sanitise;
pub mod text_messages;
pub mod typography;

/// The most bytes of a template that is filled; one that would be larger is not rendered, because rendering takes many times
/// its size in memory. Twice the longest e-mail, which is refused with its exact size (`docs/spec/public-api.md` §13.3).
pub const MAX_FILLED_BYTES: usize = 2 * emails::LIMIT_BYTES;
