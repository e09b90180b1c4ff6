//! The secret key in a file's link, and the keys derived from it.

use std::{fmt, sync::Arc};

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::RandomSource;
use store::Keyring;

const BYTES: usize = 32;

/// The 256-bit secret in a file's link. It grants access to the file, and the file's content and properties are
/// sealed with keys derived from it.
#[derive(Clone)]
pub(crate) struct LinkKey([u8; BYTES]);

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(private)")
    }
}

impl LinkKey {
    pub(crate) fn generate(random: &dyn RandomSource) -> Self {
        let mut bytes = [0; BYTES];
        random.fill(&mut bytes);
        Self(bytes)
    }

    /// Creates a key from secret bytes, for links that must be reproducible.
    pub(crate) const fn from_bytes(bytes: [u8; BYTES]) -> Self {
        Self(bytes)
    }

    /// Encodes the key as it appears in a link.
    pub(crate) fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Parses the key of a link.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        // Only the canonical encoding decodes, so a file has one link.
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// Returns the keyring that seals the file's content and properties.
    pub(crate) fn keyring(&self, random: &Arc<dyn RandomSource>) -> Keyring {
        let key = hmac::sign(&self.derive(b"contents"), b"");
        let key = key.as_ref().try_into().expect("SHA-256 has 32 bytes");
        Keyring::with_key(key, random.clone())
    }

    /// Returns a keyed hash of an address. Without the link key it cannot be reversed, not even by trying every known
    /// address.
    pub(crate) fn hash_address(&self, address: &str) -> Vec<u8> {
        let hash = hmac::sign(&self.derive(b"address"), address.as_bytes());
        hash.as_ref().to_vec()
    }

    /// Returns whether `hash` is the hash of `address`.
    pub(crate) fn is_hash_of(&self, hash: &[u8], address: &str) -> bool {
        // In constant time, so that the response time tells nothing about the address.
        hmac::verify(&self.derive(b"address"), address.as_bytes(), hash).is_ok()
    }

    fn derive(&self, purpose: &[u8]) -> hmac::Key {
        let link = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let derived = hmac::sign(
            &link,
            // One key per purpose, so that the address hash reveals nothing about the content key.
            &[b"pillarbox document, version 1: ", purpose].concat(),
        );
        hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parsed_key_has_the_same_address_hash() {
        let key = LinkKey([7; BYTES]);
        let read = LinkKey::parse(&key.encode()).unwrap();
        let hash = read.hash_address("ada@example.com");
        assert!(key.is_hash_of(&hash, "ada@example.com"));
        assert!(!key.is_hash_of(&hash, "bob@example.com"));
        assert!(!LinkKey([8; BYTES]).is_hash_of(&hash, "ada@example.com"));
    }

    #[test]
    fn an_invalid_key_is_rejected() {
        let good = LinkKey([7; BYTES]).encode();
        let non_canonical = format!("{}d", &good[..42]);
        for text in ["", "abc", &good[..42], &format!("{good}="), &non_canonical] {
            assert!(LinkKey::parse(text).is_none(), "{text}");
        }
    }
}
