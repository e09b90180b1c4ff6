//! Tokens in links that we hand out: sealed by the vault for one purpose, in characters that fit a path and a query.
//!
//! They cannot be forged or read, one purpose's do not open for another, and they live through a rotation for as long
//! as the key that sealed them stays in the key file.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use store::KeyringError;
use tracing::warn;

use crate::App;

/// No token of ours is longer; a longer one is not looked at.
const MAX_CHARACTERS: usize = 2048;

/// A token that says `value`, for this purpose.
pub(crate) fn token(app: &App, purpose: &str, value: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(app.store.keyring().seal(purpose.as_bytes(), value))
}

/// What a token says, if we made it for this purpose.
pub(crate) fn read(app: &App, purpose: &str, token: &str) -> Option<Vec<u8>> {
    if token.len() > MAX_CHARACTERS {
        return None;
    }
    let sealed = URL_SAFE_NO_PAD.decode(token).ok()?;
    match app.store.keyring().open(purpose.as_bytes(), &sealed) {
        Ok(value) => Some(value),
        Err(KeyringError::Tampered | KeyringError::UnknownKey(_)) => None,
        Err(fault @ KeyringError::KeyFile { .. }) => {
            warn!(
                error = &fault as &dyn std::error::Error,
                "cannot look whether the key of a link has come"
            );
            None
        }
    }
}
