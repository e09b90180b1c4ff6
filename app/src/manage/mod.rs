//! Manages services and what belongs to them: organisations, users, API keys, templates, senders and limits; and the
//! providers. The
//! console, the internal endpoints and the commands call these functions.

mod admin_error;
pub mod api_keys;
pub mod callbacks;
mod defaults;
pub mod folders;
pub mod guests;
pub mod inbound_numbers;
pub mod letter_contacts;
pub mod members;
pub mod organisations;
pub mod providers;
pub mod rates;
pub mod reply_to_addresses;
pub mod retention;
pub mod services;
pub mod sms_senders;
pub mod template_previews;
pub mod templates;
pub mod users;

pub use admin_error::AdminError;
