//! Cached reads on the path of every message: services with their keys and senders, parsed templates, rates.
//!
//! An entry is at most a few seconds old; whatever changes a row invalidates its entry in this process at once.

pub mod rates;
pub mod templates;
pub mod tenants;
