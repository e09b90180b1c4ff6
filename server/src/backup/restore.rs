use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow, bail};
use files::{Files, settings_file};
use store::{Keyring, Store};

use super::{
    CHECKSUMS, DATABASE, FILES, FORMAT, KEYRING, MANIFEST, Manifest, SECRETS,
    checksums::{self, Checksums},
    path_of_file, sync_directory,
};
use crate::{
    data_dir::{DataDir, create_atomically, partial_database},
    secrets::{self, keyring_path},
    settings::Settings,
    wiring,
};

/// What a data directory may contain before a backup is restored to it: what the operator puts there, what our own locks
/// leave, and what every new file system has.
const ALLOWED: [&str; 6] = [
    "pillarbox.toml",
    "keyring",
    secrets::INTERNAL_SECRET,
    "lock",
    "start.lock",
    "lost+found",
];

/// How a backup is restored.
#[derive(Debug, Clone, Default)]
pub struct RestoreOptions {
    /// The key file, if it is neither in its place, nor in the settings, nor in the backup.
    pub keyring: Option<PathBuf>,
}

/// Restores a backup to the data directory of the settings, which must have no data. After an error it has none again.
pub async fn restore(
    settings: &Settings,
    backup: &Path,
    options: &RestoreOptions,
) -> anyhow::Result<Manifest> {
    let (manifest, checksums) = read_manifest(backup)?;
    let target = Target::check(settings)?;
    // No platform may start until everything is there.
    let _lock = DataDir::new(&settings.data_dir).lock()?;
    let keys = find_keys(settings, backup, &checksums, options)?;
    let internal_secret = secret_of(backup, secrets::INTERNAL_SECRET, &checksums)?
        // With an empty one the platform would not start; without one it makes a new one.
        .filter(|secret| secrets::parse_internal_secrets(secret).next().is_some());
    let source = Files::open(&format!("file:{}", backup.join(FILES).display()))?;
    let restored = write(&target, backup, &source, &manifest, &checksums, &keys).await;
    if restored.is_err() {
        target.clear().await;
    }
    restored?;
    put_secrets(settings, internal_secret.as_deref(), &keys)?;
    // Last, so that a database is never there without its files and keys.
    fs::rename(&target.partial_database, &target.database)?;
    sync_directory(&settings.data_dir)?;
    Ok(manifest)
}

fn read_manifest(backup: &Path) -> anyhow::Result<(Manifest, Checksums)> {
    let path = backup.join(MANIFEST);
    let text = settings_file::read_text(&path).with_context(|| {
        format!(
            "cannot read {}: is {} a backup?",
            path.display(),
            backup.display()
        )
    })?;
    let manifest: Manifest = serde_json::from_str(&text)
        .with_context(|| format!("{} is not the manifest of a backup", path.display()))?;
    let known = store::schema_version();
    if manifest.format != FORMAT || manifest.schema_version > known {
        bail!(
            "the backup is of a newer version ({}) than this program ({}): restore it with the newer program",
            manifest.version,
            env!("CARGO_PKG_VERSION")
        );
    }
    check_is_file(backup, CHECKSUMS)?;
    let path = backup.join(CHECKSUMS);
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    if checksums::of_bytes(text.as_bytes()) != manifest.checksums_sha256 {
        return Err(was_changed(CHECKSUMS));
    }
    let checksums = checksums::parse(&text).ok_or_else(|| was_changed(CHECKSUMS))?;
    Ok((manifest, checksums))
}

/// Fails if a path in the backup is no file: a backup comes from elsewhere, and a pipe or a link to a device in it would be
/// read for ever.
fn check_is_file(backup: &Path, path: &str) -> anyhow::Result<()> {
    let found = fs::symlink_metadata(backup.join(path))
        .with_context(|| format!("cannot read {path} in the backup"))?;
    if found.is_file() {
        Ok(())
    } else {
        Err(was_changed(path))
    }
}

fn was_changed(path: &str) -> anyhow::Error {
    anyhow!("{path} in the backup is not as it was written: use another backup")
}

/// Where a backup is restored to.
struct Target {
    database: PathBuf,
    partial_database: PathBuf,
    files: Files,
}

impl Target {
    fn check(settings: &Settings) -> anyhow::Result<Self> {
        let address = settings.database_address();
        let Some(database) = address.strip_prefix("sqlite:") else {
            bail!(
                "the database is PostgreSQL: restore it with pg_restore and copy the files back; docs/backup.md explains how"
            );
        };
        check_is_empty(&settings.data_dir)?;
        let database = PathBuf::from(database.trim_start_matches("//"));
        // A log without its database would be applied to the restored one.
        for suffix in ["", "-wal", "-journal"] {
            let path = with_suffix(&database, suffix);
            if path.exists() {
                bail!(
                    "there is a database at {}: {CHOOSE_ANOTHER}",
                    path.display()
                );
            }
        }
        let partial_database = partial_database(&database);
        let address = settings.files_address();
        let directory = address.strip_prefix("file:").map(Path::new);
        let directory = directory.with_context(|| {
            format!(
                "the files are to be kept at `{address}`, and a backup is restored to a directory: set files to one, and copy it \
                 to its bucket later if it is to be there"
            )
        })?;
        // Before anything is made, so that a refusal leaves nothing behind.
        if holds_something(directory)? {
            bail!(
                "there are files at {}: {CHOOSE_ANOTHER}",
                directory.display()
            );
        }
        wiring::create_data_dir(settings)?;
        let files = Files::open(&address)?;
        Ok(Self {
            database,
            partial_database,
            files,
        })
    }

    /// Removes what was written.
    async fn clear(&self) {
        // What stays makes the next attempt refuse the directory, which is safe.
        for suffix in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(with_suffix(&self.partial_database, suffix));
        }
        for entry in self.files.list().await.unwrap_or_default() {
            let _ = self.files.remove(&entry.key).await;
        }
        let directory = self.files.directory().map(fs::read_dir);
        for empty in directory.into_iter().flatten().flatten().flatten() {
            let _ = fs::remove_dir_all(empty.path());
        }
    }
}

fn holds_something(directory: &Path) -> anyhow::Result<bool> {
    match fs::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        found => Ok(found
            .with_context(|| format!("cannot read {}", directory.display()))?
            .next()
            .is_some()),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

const CHOOSE_ANOTHER: &str =
    "a backup is restored to an empty place; choose another with --data-dir";

fn check_is_empty(data_dir: &Path) -> anyhow::Result<()> {
    let entries = match fs::read_dir(data_dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        found => found.with_context(|| format!("cannot read {}", data_dir.display()))?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        // Opening the files in vain leaves an empty directory.
        let is_empty = || fs::read_dir(entry.path()).is_ok_and(|mut found| found.next().is_none());
        if !ALLOWED.iter().any(|allowed| name == *allowed) && !is_empty() {
            bail!(
                "{} holds {}: {CHOOSE_ANOTHER}",
                data_dir.display(),
                name.display()
            );
        }
    }
    Ok(())
}

/// The keys of the backup, as text, and whether they are in the place where the platform looks for them.
struct Keys {
    text: String,
    is_in_place: bool,
}

impl Keys {
    fn open(&self) -> anyhow::Result<Keyring> {
        let random = std::sync::Arc::new(crate::system::SystemRandom);
        Ok(Keyring::from_text(&self.text, random)?)
    }
}

fn find_keys(
    settings: &Settings,
    backup: &Path,
    checksums: &Checksums,
    options: &RestoreOptions,
) -> anyhow::Result<Keys> {
    let path = keyring_path(settings);
    if settings.keyring.is_some() || path.exists() {
        return Ok(Keys {
            text: secrets::keyring_text(settings)?,
            is_in_place: true,
        });
    }
    let text = match &options.keyring {
        Some(file) => Some(
            settings_file::read_text(file)
                .with_context(|| format!("cannot read {}", file.display()))?,
        ),
        None => secret_of(backup, KEYRING, checksums)?,
    };
    let text = text.with_context(|| {
        format!(
            "the keys are not in the backup: put the key file that belongs to it at {}, or name it with --keyring",
            path.display()
        )
    })?;
    Ok(Keys {
        text,
        is_in_place: false,
    })
}

/// Reads a secret of the backup; `None` if it was not asked for when the backup was made.
fn secret_of(backup: &Path, name: &str, checksums: &Checksums) -> anyhow::Result<Option<String>> {
    let path = format!("{SECRETS}/{name}");
    let Some(expected) = checksums.get(&path) else {
        return Ok(None);
    };
    let text = settings_file::read_text(&backup.join(&path))
        .with_context(|| format!("cannot read {path} in the backup"))?;
    if checksums::of_bytes(text.as_bytes()) != *expected {
        return Err(was_changed(&path));
    }
    Ok(Some(text))
}

/// Copies database and files, and checks both.
async fn write(
    target: &Target,
    backup: &Path,
    source: &Files,
    manifest: &Manifest,
    checksums: &Checksums,
    keys: &Keys,
) -> anyhow::Result<()> {
    copy_database(target, backup, checksums).await?;
    let address = format!("sqlite:{}", target.partial_database.display());
    let store = Store::connect(&address, 1, keys.open()?).await?;
    store.check_keyring().await?;
    let mut session = store.read().await?;
    let found = store::applied_schema_version(&mut session).await?;
    let is_intact = store::backup::is_intact(&mut session).await;
    // A table that is missing is an error here.
    let rows = store::backup::count_rows(&mut session).await;
    drop(session);
    store.close().await;
    if found != Some(manifest.schema_version) {
        return Err(was_changed(MANIFEST));
    }
    // The checksum tells only that the copy is like the backup, which anyone can make.
    if !matches!((is_intact, rows), (Ok(true), Ok(rows)) if rows == manifest.rows) {
        return Err(was_changed(DATABASE));
    }
    fs::File::open(&target.partial_database)?.sync_all()?;
    copy_files(target, backup, source, checksums).await
}

async fn copy_database(
    target: &Target,
    backup: &Path,
    checksums: &Checksums,
) -> anyhow::Result<()> {
    check_is_file(backup, DATABASE)?;
    let (from, to) = (backup.join(DATABASE), target.partial_database.clone());
    let copied = tokio::task::spawn_blocking(move || fs::copy(from, to)).await?;
    copied.context("cannot copy the database of the backup")?;
    // The copy rather than the original: this finds a bad disk here too.
    let checksum = checksums::of_file(&target.partial_database).await?;
    if checksums.get(DATABASE) != Some(&checksum) {
        return Err(was_changed(DATABASE));
    }
    Ok(())
}

async fn copy_files(
    target: &Target,
    backup: &Path,
    source: &Files,
    checksums: &Checksums,
) -> anyhow::Result<()> {
    let mut missing: std::collections::BTreeSet<&str> = checksums
        .keys()
        .map(String::as_str)
        .filter(|path| path.starts_with(FILES))
        .collect();
    for entry in source.list().await? {
        let path = path_of_file(entry.key.as_str());
        // Not ours, for example what a file manager leaves.
        let Some(expected) = checksums.get(&path) else {
            continue;
        };
        check_is_file(backup, &path)?;
        let checksum = checksums::copy(source, &target.files, &entry.key).await?;
        if checksum.as_ref() != Some(expected) {
            return Err(was_changed(&path));
        }
        missing.remove(path.as_str());
    }
    match missing.first() {
        Some(path) => Err(anyhow!(
            "{path} is missing in the backup: use another backup"
        )),
        None => Ok(()),
    }
}

fn put_secrets(settings: &Settings, internal: Option<&str>, keys: &Keys) -> anyhow::Result<()> {
    if !keys.is_in_place {
        let path = keyring_path(settings);
        create_atomically(&path, &keys.text)
            .with_context(|| format!("cannot write the key file {}", path.display()))?;
    }
    if let Some(secret) = internal {
        DataDir::new(&settings.data_dir).create_private(secrets::INTERNAL_SECRET, secret)?;
    }
    Ok(())
}
