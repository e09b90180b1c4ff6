//! What a message says: placeholders, Markdown, typography, and the text messages, e-mails and letters made of them. Pure
//! rules, no I/O, no clock.
//!
//! Each module is one section of `docs/spec/templates.md` and bears its name. Tables (alphabets, bank holidays, limits) are data under
//! `templates/data`, never code.

pub mod emails;
pub mod letter_timings;
pub mod letters;
pub mod links;
pub mod markdown;
pub mod placeholders;
pub mod sanitise;
pub mod text_messages;
pub mod typography;
