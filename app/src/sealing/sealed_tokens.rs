//! Tokens in links that we issue: a value sealed for one purpose, in characters that are valid in a path and in a
//! query.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use store::KeyringError;
use tracing::warn;

use crate::App;

/// A longer token was not issued by us and is not decoded.
const MAX_CHARACTERS: usize = 2048;

/// Returns a token that holds `value`, for one purpose.
pub(crate) fn token(app: &App, purpose: &str, value: &[u8]) -> String {
    // The purpose is the context, so a token for one purpose does not open for another.
    URL_SAFE_NO_PAD.encode(app.store.keyring().seal(purpose.as_bytes(), value))
}

/// Returns the value of a token that was issued for this purpose, or `None`.
pub(crate) fn read(app: &App, purpose: &str, token: &str) -> Option<Vec<u8>> {
    if token.len() > MAX_CHARACTERS {
        return None;
    }
    let sealed = URL_SAFE_NO_PAD.decode(token).ok()?;
    match app.store.keyring().open(purpose.as_bytes(), &sealed) {
        Ok(value) => Some(value),
        // A key that has left the key file ends the tokens that it sealed.
        Err(KeyringError::Tampered | KeyringError::UnknownKey(_)) => None,
        Err(fault @ KeyringError::KeyFile { .. }) => {
            warn!(
                error = &fault as &dyn std::error::Error,
                "cannot read the key file to open the token of a link"
            );
            None
        }
    }
}
