//! Encrypted files and tokens, sealed with the platform's keyring.

pub(crate) mod sealed_files;
pub(crate) mod sealed_tokens;
