//! Authenticated encryption of personal data and secrets before they reach a table, a queue or a file.
//!
//! A sealed value is `version (1 byte) | key id (4) | nonce (12) | ciphertext and tag`, encrypted with
//! AES-256-GCM-SIV and a random nonce. Unlike plain GCM this mode stays safe should a nonce repeat, which matters at
//! one nonce per message. The owner of the value (the id of its row) is authenticated with it, so that a sealed
//! value cannot be moved to another row. Keys have ids, so that they can be rotated: new values are sealed with the
//! primary key, old ones open with theirs.

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

/// Error of sealing, opening or reading keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The value was sealed with a key that is not in the key file.
    #[error(
        "sealed with key {0}, which is not among the keys: restore the key file that belongs to this database"
    )]
    UnknownKey(u32),
    /// The value was modified, or belongs to another row.
    #[error("sealed data does not open: it was changed, or belongs elsewhere")]
    Tampered,
    /// The key file cannot be used.
    #[error("cannot use the key file {path}: {why}")]
    KeyFile {
        /// Path of the key file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
}

/// Keys of an installation, and the file that they were read from. Cheap to clone.
#[derive(Clone)]
pub struct Keyring {
    keys: Arc<RwLock<Arc<Keys>>>,
    file: Option<Arc<PathBuf>>,
    random: Arc<dyn RandomSource>,
}

struct Keys {
    newest: u32,
    by_id: BTreeMap<u32, LessSafeKey>,
    /// Derived from the oldest key, so that a rotation, which adds a newer key, changes no fingerprint.
    fingerprints: hmac::Key,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

impl Keyring {
    /// Reads a key file: one `<id> <64 hexadecimal digits>` per line; `#` begins a comment. The key with the highest
    /// id is the primary key.
    pub fn open_file(path: &Path, random: Arc<dyn RandomSource>) -> Result<Self, KeyringError> {
        let keys = read_file(path)?;
        Ok(Self {
            // The inner `Arc` lets a caller keep using the old keys while others reload.
            keys: Arc::new(RwLock::new(Arc::new(keys))),
            file: Some(Arc::new(path.to_owned())),
            random,
        })
    }

    /// Parses keys in the format of the key file, for deployments that pass them as a setting.
    pub fn from_text(text: &str, random: Arc<dyn RandomSource>) -> Result<Self, KeyringError> {
        let keys = parse(text).map_err(|why| KeyringError::KeyFile {
            path: "(setting)".into(),
            why,
        })?;
        Ok(Self {
            keys: Arc::new(RwLock::new(Arc::new(keys))),
            file: None,
            random,
        })
    }

    /// Creates a keyring with a single key that is in no key file, for values sealed with a key of their own, such
    /// as the one in a download link.
    pub fn with_key(key: &[u8; 32], random: Arc<dyn RandomSource>) -> Self {
        let cipher = UnboundKey::new(&AES_256_GCM_SIV, key).expect("the cipher takes 32 bytes");
        let keys = Keys {
            newest: 0,
            by_id: BTreeMap::from([(0, LessSafeKey::new(cipher))]),
            fingerprints: derived(key, b"fingerprints"),
        };
        Self {
            keys: Arc::new(RwLock::new(Arc::new(keys))),
            file: None,
            random,
        }
    }

    /// Generates a key and returns its line for a key file.
    pub fn new_key_line(id: u32, random: &dyn RandomSource) -> String {
        let mut key = [0; KEY_BYTES];
        random.fill(&mut key);
        let mut line = format!("{id} ");
        for byte in key {
            let _ = write!(line, "{byte:02x}");
        }
        line.push('\n');
        line
    }

    /// Returns the id of the key that seals new values.
    pub fn primary_key_id(&self) -> u32 {
        self.current_keys().newest
    }

    /// Returns the id of the key that sealed a value, or `None` if it is not a sealed value.
    pub fn key_id_of(sealed: &[u8]) -> Option<u32> {
        let id = sealed.get(1..5)?;
        (sealed.first() == Some(&VERSION))
            .then(|| u32::from_be_bytes(id.try_into().expect("four bytes")))
    }

    /// Reads the key file again, if there is one, so that a rotation needs no restart.
    pub fn reload(&self) -> Result<(), KeyringError> {
        if let Some(path) = &self.file {
            let keys = Arc::new(read_file(path)?);
            *self.keys.write().expect("no one panics holding it") = keys;
        }
        Ok(())
    }

    /// Seals `value` for `owner`.
    pub fn seal(&self, owner: &[u8], value: &[u8]) -> Vec<u8> {
        let keys = self.current_keys();
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce);
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

    /// Opens a value that was sealed for `owner`.
    pub fn open(&self, owner: &[u8], sealed: &[u8]) -> Result<Vec<u8>, KeyringError> {
        let id = Self::key_id_of(sealed).ok_or(KeyringError::Tampered)?;
        let mut keys = self.current_keys();
        if !keys.by_id.contains_key(&id) {
            // Another process may have rotated the keys since this one read them.
            self.reload()?;
            keys = self.current_keys();
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
        // The tag is cut off, and the text stays in the buffer that it was opened in.
        body.truncate(length);
        Ok(body)
    }

    /// Returns a keyed hash of `parts`. Without the key, a reader of the database cannot tell what was hashed or test
    /// guesses. The hash stays the same while the oldest key is in the key file. `purpose` separates hashes of
    /// different things.
    pub fn fingerprint(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let keys = self.current_keys();
        let mut hash = hmac::Context::with_key(&keys.fingerprints);
        for part in [purpose.as_bytes()].iter().chain(parts) {
            // Each part is preceded by its length, so that `ab, c` and `a, bc` hash differently.
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let tag = hash.sign();
        tag.as_ref().try_into().expect("SHA-256 has 32 bytes")
    }

    fn current_keys(&self) -> Arc<Keys> {
        self.keys.read().expect("no one panics holding it").clone()
    }
}

fn read_file(path: &Path) -> Result<Keys, KeyringError> {
    let failed = |why: String| KeyringError::KeyFile {
        path: path.display().to_string(),
        why,
    };
    let text = files::settings_file::read_text(path).map_err(|error| failed(error.to_string()))?;
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
        // Two processes that each made a first key; what one of them sealed would no longer open.
        if by_id.insert(id, key).is_some() {
            return Err(format!("line {} is a second key {id}", number + 1));
        }
        // Compared by id rather than by position in the file, which an editor may change.
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

/// Derives a key for another purpose than sealing.
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

    fn random() -> Arc<dyn RandomSource> {
        Arc::new(Counting(0.into()))
    }

    fn keyring(ids: &[u32]) -> Keyring {
        let lines: Vec<String> = ids
            .iter()
            .map(|id| format!("{id} {}", format!("{id:02x}").repeat(KEY_BYTES)))
            .collect();
        Keyring::from_text(&lines.join("\n"), random()).unwrap()
    }

    #[test]
    fn a_sealed_value_opens_only_for_its_owner() {
        let keyring = keyring(&[1]);
        let sealed = keyring.seal(b"row 1", b"07700 900123");
        assert_eq!(keyring.open(b"row 1", &sealed).unwrap(), b"07700 900123");
        assert!(matches!(
            keyring.open(b"row 2", &sealed),
            Err(KeyringError::Tampered)
        ));
        assert!(!sealed.windows(5).any(|window| window == b"07700"));
    }

    #[test]
    fn a_changed_bit_is_detected() {
        let keyring = keyring(&[1]);
        let sealed = keyring.seal(b"row", b"secret");
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(keyring.open(b"row", &changed).is_err(), "byte {index}");
        }
        assert!(keyring.open(b"row", &[]).is_err());
        assert!(keyring.open(b"row", &sealed[..HEADER]).is_err());
    }

    #[test]
    fn old_values_open_after_a_rotation() {
        let sealed = keyring(&[1]).seal(b"row", b"secret");
        let rotated = keyring(&[1, 2]);
        assert_eq!(rotated.open(b"row", &sealed).unwrap(), b"secret");
        assert_eq!(
            Keyring::key_id_of(&rotated.seal(b"row", b"secret")),
            Some(2)
        );
        assert!(matches!(
            keyring(&[2]).open(b"row", &sealed),
            Err(KeyringError::UnknownKey(1))
        ));
    }

    #[test]
    fn a_fingerprint_depends_on_its_parts_and_purpose_and_survives_a_rotation() {
        let (before, after) = (keyring(&[3]), keyring(&[3, 4]));
        let print = before.fingerprint("a", &[b"one", b"two"]);
        assert_eq!(after.fingerprint("a", &[b"one", b"two"]), print);
        assert_ne!(before.fingerprint("a", &[b"onet", b"wo"]), print);
        assert_ne!(before.fingerprint("b", &[b"one", b"two"]), print);
        assert_ne!(keyring(&[4]).fingerprint("a", &[b"one", b"two"]), print);
    }

    #[test]
    fn an_invalid_key_file_is_rejected() {
        for text in [
            "",
            "# nothing\n",
            "1 abc",
            "x 00",
            &format!("1 {}", "zz".repeat(32)),
            &format!("1 {}\n1 {}", "aa".repeat(32), "bb".repeat(32)),
        ] {
            assert!(Keyring::from_text(text, random()).is_err(), "{text}");
        }
        let line = Keyring::new_key_line(3, &*random());
        assert_eq!(
            Keyring::from_text(&line, random())
                .unwrap()
                .primary_key_id(),
            3
        );
    }
}
