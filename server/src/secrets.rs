//! The secrets of an installation: the keyring, and what internal clients sign with.

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

use crate::{data_dir::DataDir, outside::SystemEntropy, settings::Settings};

const INTERNAL_SECRET: &str = "internal-secret";

/// The file with the keys.
pub fn keyring_path(settings: &Settings) -> PathBuf {
    settings
        .keyring_file
        .clone()
        .unwrap_or_else(|| settings.data_dir.join("keyring"))
}

/// The keys that seal personal data. A new installation gets a first one; an installation whose database holds
/// something already never does, for what is there could not be read with it.
pub async fn open_vault(settings: &Settings) -> anyhow::Result<Keyring> {
    let entropy = Arc::new(SystemEntropy);
    if let Some(text) = &settings.keyring {
        return Keyring::from_text(text.expose(), entropy).context("the setting keyring is wrong");
    }
    let path = keyring_path(settings);
    if !path
        .try_exists()
        .with_context(|| format!("cannot look for {}", path.display()))?
    {
        let line = Keyring::new_key_line(1, &SystemEntropy);
        if is_in_use(settings, &line).await? {
            bail!(
                "the key file {} is not there, but the database has been in use: put back the key file that belongs to it",
                path.display()
            );
        }
        append_key(&path, &line)?;
    }
    Ok(Keyring::open_file(&path, entropy)?)
}

/// Whether the database holds a service, whose keys are sealed.
async fn is_in_use(settings: &Settings, key_line: &str) -> anyhow::Result<bool> {
    let vault = Keyring::from_text(key_line, Arc::new(SystemEntropy))?;
    let store = connect(settings, vault).await?;
    if settings.migrate_on_start {
        store.migrate().await?;
    }
    let in_use = !store::services::list(&mut store.read().await?)
        .await?
        .is_empty();
    store.close().await;
    Ok(in_use)
}

/// Opens the database of these settings.
pub(crate) async fn connect(settings: &Settings, vault: Keyring) -> anyhow::Result<Store> {
    Store::connect(
        &settings.database_address(),
        settings.database_connections,
        vault,
    )
    .await
    .with_context(|| {
        let is_file = settings.database_address().starts_with("sqlite:");
        if is_file {
            "cannot open the database"
        } else {
            "cannot open the database: see that it runs and that the setting database is right"
        }
    })
}

/// Adds a key to the key file, which is made if it is not there; durable when this returns. A disk that is full leaves
/// the file as it was: half a key would be in the way of every later start.
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

/// The secrets that internal clients may sign with, the one to sign with first. One is made if there is none.
pub fn internal_secrets(settings: &Settings) -> anyhow::Result<Vec<Private<String>>> {
    if let Some(found) = existing_internal_secrets(settings)? {
        return Ok(found);
    }
    let mut random = [0; 32];
    SystemEntropy.fill(&mut random);
    let mut secret = String::new();
    for byte in random {
        let _ = write!(secret, "{byte:02x}");
    }
    DataDir::new(&settings.data_dir).write_private(INTERNAL_SECRET, &secret)?;
    Ok(vec![secret.into()])
}

/// The same, for a command that only looks.
pub fn existing_internal_secrets(
    settings: &Settings,
) -> anyhow::Result<Option<Vec<Private<String>>>> {
    let text = match &settings.internal_secret {
        Some(secret) => Some(secret.expose().to_owned()),
        None => DataDir::new(&settings.data_dir).read(INTERNAL_SECRET)?,
    };
    let Some(text) = text else { return Ok(None) };
    let secrets: Vec<Private<String>> = text
        .split(',')
        .map(str::trim)
        .filter(|one| !one.is_empty())
        .map(|one| one.to_owned().into())
        .collect();
    if secrets.is_empty() {
        bail!(
            "the secret of internal clients is empty: give internal_secret a value, or remove {INTERNAL_SECRET}"
        );
    }
    Ok(Some(secrets))
}
