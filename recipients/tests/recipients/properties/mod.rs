//! What holds for every input, whatever it is.
//!
//! Each file states the promises of one module as a function of any text. Here proptest looks for a text that breaks
//! them; the fuzzing targets in `fuzz/` call the same functions.

mod email_addresses;
mod phone_numbers;
mod postal_addresses;
