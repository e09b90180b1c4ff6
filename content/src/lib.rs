//! What a message says and to whom: pure rules, no I/O, no clock.
//!
//! Each module is one section of the specifications `docs/spec/recipients.md` and `docs/spec/templates.md` and bears its name.
//! Tables (numbering plans, countries, character sets) are data under `content/data`, never code.

pub mod characters;
pub mod countries;
pub mod email_addresses;
pub mod emails;
pub mod guest_lists;
pub mod html_escape;
pub mod letter_timings;
pub mod letters;
pub mod links;
pub mod markdown;
pub mod phone_numbers;
pub mod placeholders;
pub mod postal_addresses;
pub mod postcodes;
pub mod sanitise;
pub mod spreadsheets;
pub mod text;
pub mod text_messages;
pub mod typography;
pub mod unicode_15_1;
