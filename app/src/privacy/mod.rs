//! Erasing a recipient everywhere, and encrypting again what an older key sealed. Both rewrite files, so both take one
//! lock.

pub mod erasure;
pub mod reencryption;
