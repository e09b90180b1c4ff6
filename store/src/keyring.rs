//! Sealing what is personal or secret before it reaches a table, a queue or a file (`docs/decisions/sealed-contents.md`).
//!
//! A sealed value is `version (1) | key id (4) | nonce (12) | ciphertext and tag`, AES-256-GCM-SIV with random nonces:
//! it stays safe even should a nonce repeat, which plain GCM does not, and a nonce a message is a great many. What the
//! value belongs to (the id of its row) is authenticated with it, so that a sealed value cannot be moved elsewhere.
//! Keys have ids, so that they can be rotated: new values take the newest key, old ones open with theirs.

use std::{
    collections::BTreeMap,
    fmt,
    fmt::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, RwLock},
};

use aws_lc_rs::{
    aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac,
};
use domain::RandomSource;

const VERSION: u8 = 1;
const HEADER: usize = 1 + 4 + NONCE_LEN;
const KEY_BYTES: usize = 32;

/// Why a value could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The value was sealed with a key that is not in the key file.
    #[error(
        "sealed with key {0}, which is not among the keys: restore the key file that belongs to this database"
    )]
    UnknownKey(u32),
    /// The value was changed, or belongs to another row.
    #[error("sealed data does not open: it was changed, or belongs elsewhere")]
    Tampered,
    /// The key file cannot be read.
    #[error("cannot use the key file {path}: {why}")]
    KeyFile {
        /// Where it is.
        path: String,
        /// What is wrong.
        why: String,
    },
}

/// The keys of an installation, and the file that they come from.
#[derive(Clone)]
pub struct Keyring {
    keys: Arc<RwLock<Arc<Keys>>>,
    file: Option<Arc<PathBuf>>,
    entropy: Arc<dyn RandomSource>,
}

struct Keys {
    newest: u32,
    by_id: BTreeMap<u32, LessSafeKey>,
    /// Made of the oldest key: a rotation, which adds a newer one, changes no fingerprint.
    fingerprints: hmac::Key,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

impl Keyring {
    /// Reads the key file: one `<id> <64 hexadecimal digits>` a line, `#` begins a comment. The highest id seals.
    pub fn open_file(path: &Path, entropy: Arc<dyn RandomSource>) -> Result<Self, KeyringError> {
        let keys = read_file(path)?;
        Ok(Self {
            keys: Arc::new(RwLock::new(Arc::new(keys))),
            file: Some(Arc::new(path.to_owned())),
            entropy,
        })
    }

    /// Takes keys in the form of the key file's text: for a deployment that hands them over as a setting.
    pub fn from_text(text: &str, entropy: Arc<dyn RandomSource>) -> Result<Self, KeyringError> {
        let keys = parse(text).map_err(|why| KeyringError::KeyFile {
            path: "(setting)".into(),
            why,
        })?;
        Ok(Self {
            keys: Arc::new(RwLock::new(Arc::new(keys))),
            file: None,
            entropy,
        })
    }

    /// Takes one key that is in no key file: for what is sealed with a key of its own, such as the one in a link.
    pub fn with_key(key: &[u8; 32], entropy: Arc<dyn RandomSource>) -> Self {
        let cipher = UnboundKey::new(&AES_256_GCM_SIV, key).expect("the cipher takes 32 bytes");
        let keys = Keys {
            newest: 0,
            by_id: BTreeMap::from([(0, LessSafeKey::new(cipher))]),
            fingerprints: derived(key, b"fingerprints"),
        };
        Self {
            keys: Arc::new(RwLock::new(Arc::new(keys))),
            file: None,
            entropy,
        }
    }

    /// A line for a key file, with a new key.
    pub fn new_key_line(id: u32, entropy: &dyn RandomSource) -> String {
        let mut key = [0; KEY_BYTES];
        entropy.fill(&mut key);
        let mut line = format!("{id} ");
        for byte in key {
            let _ = write!(line, "{byte:02x}");
        }
        line.push('\n');
        line
    }

    /// The id of the key that seals.
    pub fn primary_key_id(&self) -> u32 {
        self.now().newest
    }

    /// The key that a sealed value was sealed with, if it is one.
    pub fn key_id_of(sealed: &[u8]) -> Option<u32> {
        let id = sealed.get(1..5)?;
        (sealed.first() == Some(&VERSION))
            .then(|| u32::from_be_bytes(id.try_into().expect("four bytes")))
    }

    /// Looks at the key file again, where there is one, so that a rotation needs no restart.
    pub fn reload(&self) -> Result<(), KeyringError> {
        if let Some(path) = &self.file {
            let keys = Arc::new(read_file(path)?);
            *self.keys.write().expect("no one panics holding it") = keys;
        }
        Ok(())
    }

    /// Seals `value` for the thing that `owner` names.
    pub fn seal(&self, owner: &[u8], value: &[u8]) -> Vec<u8> {
        let keys = self.now();
        let mut nonce = [0; NONCE_LEN];
        self.entropy.fill(&mut nonce);
        let mut sealed = Vec::with_capacity(HEADER + value.len() + AES_256_GCM_SIV.tag_len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&keys.newest.to_be_bytes());
        sealed.extend_from_slice(&nonce);
        let mut body = value.to_vec();
        keys.by_id[&keys.newest]
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(owner),
                &mut body,
            )
            .expect("a message is far below the cipher's limit");
        sealed.extend_from_slice(&body);
        sealed
    }

    /// Opens what was sealed for `owner`.
    pub fn open(&self, owner: &[u8], sealed: &[u8]) -> Result<Vec<u8>, KeyringError> {
        let id = Self::key_id_of(sealed).ok_or(KeyringError::Tampered)?;
        let mut keys = self.now();
        if !keys.by_id.contains_key(&id) {
            // Another process has rotated since we looked.
            self.reload()?;
            keys = self.now();
        }
        let key = keys.by_id.get(&id).ok_or(KeyringError::UnknownKey(id))?;
        let (Some(nonce), Some(body)) = (sealed.get(5..HEADER), sealed.get(HEADER..)) else {
            return Err(KeyringError::Tampered);
        };
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| KeyringError::Tampered)?;
        let mut body = body.to_vec();
        let length = key
            .open_in_place(nonce, Aad::from(owner), &mut body)
            .map_err(|_| KeyringError::Tampered)?
            .len();
        body.truncate(length);
        Ok(body)
    }

    /// A keyed hash of these parts: who reads the database cannot tell what was hashed, nor try guesses. It stays the
    /// same while the oldest key is in the key file. `purpose` keeps the hashes of different things apart.
    pub fn fingerprint(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let keys = self.now();
        let mut hash = hmac::Context::with_key(&keys.fingerprints);
        for part in [purpose.as_bytes()].iter().chain(parts) {
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let tag = hash.sign();
        tag.as_ref().try_into().expect("SHA-256 has 32 bytes")
    }

    fn now(&self) -> Arc<Keys> {
        self.keys.read().expect("no one panics holding it").clone()
    }
}

fn read_file(path: &Path) -> Result<Keys, KeyringError> {
    let failed = |why: String| KeyringError::KeyFile {
        path: path.display().to_string(),
        why,
    };
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    parse(&text).map_err(failed)
}

fn parse(text: &str) -> Result<Keys, String> {
    let (mut by_id, mut oldest) = (BTreeMap::new(), None);
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let (id, bytes, key) = parse_line(line).ok_or_else(|| {
            format!(
                "line {} is not an id and {} hexadecimal digits",
                number + 1,
                KEY_BYTES * 2
            )
        })?;
        by_id.insert(id, key);
        if oldest.as_ref().is_none_or(|(oldest, _)| id <= *oldest) {
            oldest = Some((id, bytes));
        }
    }
    let newest = *by_id.keys().next_back().ok_or("it holds no key")?;
    let (_, oldest) = oldest.ok_or("it holds no key")?;
    Ok(Keys {
        newest,
        by_id,
        fingerprints: derived(&oldest, b"fingerprints"),
    })
}

/// A key for something else than sealing, made of one of the file's.
fn derived(key: &[u8], purpose: &[u8]) -> hmac::Key {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, purpose).as_ref())
}

fn parse_line(line: &str) -> Option<(u32, Vec<u8>, LessSafeKey)> {
    let (id, digits) = line.split_once(char::is_whitespace)?;
    let digits = digits.trim();
    if digits.len() != KEY_BYTES * 2 || !digits.is_ascii() {
        return None;
    }
    let bytes: Vec<u8> = (0..KEY_BYTES)
        .map(|index| u8::from_str_radix(&digits[index * 2..index * 2 + 2], 16).ok())
        .collect::<Option<_>>()?;
    let key = UnboundKey::new(&AES_256_GCM_SIV, &bytes).ok()?;
    Some((id.parse().ok()?, bytes, LessSafeKey::new(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Counting(std::sync::atomic::AtomicU8);

    impl RandomSource for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        }
    }

    fn entropy() -> Arc<dyn RandomSource> {
        Arc::new(Counting(0.into()))
    }

    fn vault(ids: &[u32]) -> Keyring {
        let lines: Vec<String> = ids
            .iter()
            .map(|id| format!("{id} {}", format!("{id:02x}").repeat(KEY_BYTES)))
            .collect();
        Keyring::from_text(&lines.join("\n"), entropy()).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_for_its_owner_and_for_no_other() {
        let vault = vault(&[1]);
        let sealed = vault.seal(b"row 1", b"07700 900123");
        assert_eq!(vault.open(b"row 1", &sealed).unwrap(), b"07700 900123");
        assert!(matches!(
            vault.open(b"row 2", &sealed),
            Err(KeyringError::Tampered)
        ));
        assert!(!sealed.windows(5).any(|window| window == b"07700"));
    }

    #[test]
    fn one_changed_bit_anywhere_is_noticed() {
        let vault = vault(&[1]);
        let sealed = vault.seal(b"row", b"secret");
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(vault.open(b"row", &changed).is_err(), "byte {index}");
        }
        assert!(vault.open(b"row", &[]).is_err());
        assert!(vault.open(b"row", &sealed[..HEADER]).is_err());
    }

    #[test]
    fn old_values_open_after_a_rotation_and_new_ones_take_the_new_key() {
        let sealed = vault(&[1]).seal(b"row", b"secret");
        let rotated = vault(&[1, 2]);
        assert_eq!(rotated.open(b"row", &sealed).unwrap(), b"secret");
        assert_eq!(
            Keyring::key_id_of(&rotated.seal(b"row", b"secret")),
            Some(2)
        );
        assert!(matches!(
            vault(&[2]).open(b"row", &sealed),
            Err(KeyringError::UnknownKey(1))
        ));
    }

    #[test]
    fn a_fingerprint_outlives_a_rotation_and_is_one_of_its_parts_and_its_purpose() {
        let (before, after) = (vault(&[3]), vault(&[3, 4]));
        let print = before.fingerprint("a", &[b"one", b"two"]);
        assert_eq!(after.fingerprint("a", &[b"one", b"two"]), print);
        assert_ne!(before.fingerprint("a", &[b"onet", b"wo"]), print);
        assert_ne!(before.fingerprint("b", &[b"one", b"two"]), print);
        assert_ne!(vault(&[4]).fingerprint("a", &[b"one", b"two"]), print);
    }

    #[test]
    fn a_key_file_that_makes_no_sense_is_refused_in_words() {
        for text in [
            "",
            "# nothing\n",
            "1 abc",
            "x 00",
            &format!("1 {}", "zz".repeat(32)),
        ] {
            assert!(Keyring::from_text(text, entropy()).is_err(), "{text}");
        }
        let line = Keyring::new_key_line(3, &*entropy());
        assert_eq!(
            Keyring::from_text(&line, entropy())
                .unwrap()
                .primary_key_id(),
            3
        );
    }
}
