//! The secrets of an installation: the keyring, and the secret with which internal clients sign.

use std::{
    fmt::Write as _,
    fs::OpenOptions,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, bail};
use domain::{Private, RandomSource as _};
use store::{Keyring, Store};

use crate::{
    data_dir::{DataDir, create_atomically},
    settings::Settings,
    system::SystemRandom,
};

/// Name of the file with the secret of internal clients.
pub(crate) const INTERNAL_SECRET: &str = "internal-secret";

/// Returns the path of the key file.
pub fn keyring_path(settings: &Settings) -> PathBuf {
    settings
        .keyring_file
        .clone()
        .unwrap_or_else(|| settings.data_dir.join("keyring"))
}

/// Opens the keys that seal personal data. Creates a first key for a new installation only: if the database is in use, its
/// data could not be opened with a new key.
pub async fn open_keyring(settings: &Settings) -> anyhow::Result<Keyring> {
    let random = Arc::new(SystemRandom);
    if let Some(text) = &settings.keyring {
        return Keyring::from_text(text.expose(), random).context("the setting keyring is wrong");
    }
    let path = keyring_path(settings);
    if !path
        .try_exists()
        .with_context(|| format!("cannot look for {}", path.display()))?
    {
        // Looking into the database needs a key too; this one is stored only for a new installation.
        let line = Keyring::new_key_line(1, &SystemRandom);
        if database_is_in_use(settings, &line).await? {
            bail!(
                "the key file {} does not exist, but the database is in use: put back the key file that belongs to it",
                path.display()
            );
        }
        // If another process was faster, its key is the one to use.
        create_atomically(&path, &line)
            .with_context(|| format!("cannot write the key file {}", path.display()))?;
    }
    Ok(Keyring::open_file(&path, random)?)
}

/// Opens the keys of an installation that exists.
pub(crate) fn existing_keyring(settings: &Settings) -> anyhow::Result<Keyring> {
    let random = Arc::new(SystemRandom);
    match &settings.keyring {
        Some(text) => Keyring::from_text(text.expose(), random),
        None => Keyring::open_file(&keyring_path(settings), random),
    }
    .context("cannot open the encryption keys")
}

/// Returns the content of the key file, or the setting in its place.
pub(crate) fn keyring_text(settings: &Settings) -> anyhow::Result<String> {
    if let Some(text) = &settings.keyring {
        return Ok(text.expose().to_owned());
    }
    let path = keyring_path(settings);
    files::settings_file::read_text(&path)
        .with_context(|| format!("cannot read the key file {}", path.display()))
}

/// Returns whether the database holds data that is sealed with a key.
async fn database_is_in_use(settings: &Settings, key_line: &str) -> anyhow::Result<bool> {
    let keyring = Keyring::from_text(key_line, Arc::new(SystemRandom))?;
    let store = connect(settings, keyring).await?;
    if settings.migrate_on_start {
        store.migrate().await?;
    }
    let mut session = store.read().await?;
    let in_use = store::keyring_canary::exists(&mut session).await?
        || !store::services::list(&mut session).await?.is_empty();
    drop(session);
    store.close().await;
    Ok(in_use)
}

/// Connects to the database.
pub(crate) async fn connect(settings: &Settings, keyring: Keyring) -> anyhow::Result<Store> {
    Store::connect(
        &settings.database_address(),
        settings.database_connections,
        keyring,
    )
    .await
    .with_context(|| {
        let is_file = settings.database_address().starts_with("sqlite:");
        if is_file {
            "cannot open the database"
        } else {
            "cannot open the database: check that it runs and that the setting database is right"
        }
    })
}

/// Appends a key to the key file, which is created if it does not exist; durable on return. After an error the file is as
/// it was before, because an incomplete line would make every later start fail.
pub(crate) fn append_key(path: &Path, line: &str) -> anyhow::Result<()> {
    let added = || {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)?;
        let before = file.metadata()?.len();
        let written = file
            .write_all(line.as_bytes())
            .and_then(|()| file.sync_all());
        if written.is_err() {
            // An empty file would be an invalid key file.
            if before == 0 {
                std::fs::remove_file(path)?;
            } else {
                file.set_len(before)?;
            }
        }
        written
    };
    added().with_context(|| format!("cannot write the key file {}", path.display()))
}

/// Returns the secrets that internal clients may sign with; the first is the one to sign with. Creates one if there is none.
pub fn internal_secrets(settings: &Settings) -> anyhow::Result<Vec<Private<String>>> {
    if let Some(found) = existing_internal_secrets(settings)? {
        return Ok(found);
    }
    let mut random = [0; 32];
    SystemRandom.fill(&mut random);
    let mut secret = String::new();
    for byte in random {
        let _ = write!(secret, "{byte:02x}");
    }
    if DataDir::new(&settings.data_dir).create_private(INTERNAL_SECRET, &secret)? {
        return Ok(vec![secret.into()]);
    }
    // Another process was faster.
    existing_internal_secrets(settings)?.context("the secret of internal clients was removed again")
}

/// Returns the secrets of internal clients in a text, which separates them by commas.
pub(crate) fn parse_internal_secrets(text: &str) -> impl Iterator<Item = Private<String>> {
    let secrets = text.split(',').map(str::trim);
    secrets
        .filter(|one| !one.is_empty())
        .map(|one| one.to_owned().into())
}

/// As [`internal_secrets`], without creating one.
pub fn existing_internal_secrets(
    settings: &Settings,
) -> anyhow::Result<Option<Vec<Private<String>>>> {
    let text = match &settings.internal_secret {
        Some(secret) => Some(secret.expose().to_owned()),
        None => DataDir::new(&settings.data_dir).read(INTERNAL_SECRET)?,
    };
    let Some(text) = text else { return Ok(None) };
    let secrets: Vec<Private<String>> = parse_internal_secrets(&text).collect();
    if secrets.is_empty() {
        bail!(
            "the secret of internal clients is empty: set internal_secret, or remove the file {INTERNAL_SECRET}"
        );
    }
    Ok(Some(secrets))
}
