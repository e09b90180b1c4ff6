//! Recipients of messages: phone numbers, e-mail addresses, postal addresses and guest lists. Pure rules, no I/O, no
//! clock.
//!
//! Each module implements a section of `docs/spec/recipients.md`. Tables (numbering plans, countries, postcode areas)
//! are data in `recipients/data`, not code.

pub mod countries;
pub mod email_addresses;
pub mod guest_lists;
pub mod phone_numbers;
pub mod postal_addresses;
pub mod postcodes;
