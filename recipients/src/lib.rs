//! To whom a message goes: phone numbers, e-mail addresses, postal addresses and guest lists. Pure rules, no I/O, no clock.
//!
//! Each module is one section of `docs/spec/recipients.md` and bears its name. Tables (numbering plans, countries, postcode areas)
//! are data under `recipients/data`, never code.

pub mod countries;
pub mod email_addresses;
pub mod guest_lists;
pub mod phone_numbers;
pub mod postal_addresses;
pub mod postcodes;
