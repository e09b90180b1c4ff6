//! What holds for every input, whatever it is.
//!
//! Each file states the promises of one module as a function of any text. Here proptest looks for a text that breaks
//! them; the fuzzing targets in `fuzz/` call the same functions.

mod email_addresses;
mod html;
mod markdown;
mod phone_numbers;
mod placeholders;
mod postal_addresses;
mod spreadsheets;
mod text_messages;
mod workbooks;
