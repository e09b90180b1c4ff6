use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use domain::Clock as _;
use files::{Files, Key};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use store::{Store, backup::count_rows};

use super::{
    CHECKSUMS, DATABASE, FILES, FORMAT, KEYRING, MANIFEST, Manifest, SECRETS,
    checksums::{self, Checksums},
    path_of_file, sync_directory,
};
use crate::{
    data_dir::{DataDir, create_atomically},
    secrets,
    settings::Settings,
    system::SystemClock,
};

/// What a backup contains.
#[derive(Debug, Clone, Copy, Default)]
pub struct BackupOptions {
    /// Copy the key file and the secret of internal clients too. Such a backup can be read without anything else.
    pub with_keyring: bool,
}

/// Writes a backup to `target`, which must not exist, while the platform may run.
pub async fn create(
    settings: &Settings,
    target: &Path,
    options: BackupOptions,
) -> anyhow::Result<Manifest> {
    check_is_embedded(settings)?;
    check_is_directory(settings)?;
    let source = Files::open(&settings.files_address())?;
    let parent = check_target(target, &source)?;
    let partial = PartialBackup::begin(target)?;
    let manifest = write(settings, &source, partial.path(), options).await?;
    partial.finish(target)?;
    sync_directory(&parent)?;
    Ok(manifest)
}

fn check_is_embedded(settings: &Settings) -> anyhow::Result<()> {
    let address = settings.database_address();
    let Some(database) = address.strip_prefix("sqlite:") else {
        bail!(
            "the database is PostgreSQL, which has tools of its own: copy the files ({}), run pg_dump, then copy the files \
             once more without removing any; docs/backup.md explains the order",
            settings.files_address()
        );
    };
    let database = Path::new(database.trim_start_matches("//"));
    // Opening it would create it.
    if !database.is_file() {
        bail!(
            "there is no database at {}: name the installation with --data-dir",
            database.display()
        );
    }
    Ok(())
}

fn check_is_directory(settings: &Settings) -> anyhow::Result<()> {
    let address = settings.files_address();
    if address.starts_with("s3:") {
        bail!(
            "the files are in a bucket ({address}), which has tools of its own: turn on its versions, or copy it to another one; \
             docs/backup.md explains the order"
        );
    }
    Ok(())
}

/// Returns the directory in which `target` is to be created.
fn check_target(target: &Path, source: &Files) -> anyhow::Result<PathBuf> {
    if target.symlink_metadata().is_ok() {
        bail!(
            "{} exists already: a backup is written to a new directory",
            target.display()
        );
    }
    let parent = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let parent = parent.canonicalize();
    let parent = parent
        .with_context(|| format!("cannot create {}: its parent must exist", target.display()))?;
    let Some(files) = source.directory() else {
        bail!("files are kept in memory (`files = \"memory:\"`): they cannot be backed up");
    };
    // The backup would contain itself.
    if parent.starts_with(files.canonicalize()?) {
        bail!(
            "{} is among the stored files: choose another place",
            target.display()
        );
    }
    Ok(parent)
}

/// Writes everything to `directory` and syncs it.
async fn write(
    settings: &Settings,
    source: &Files,
    directory: &Path,
    options: BackupOptions,
) -> anyhow::Result<Manifest> {
    let keyring = secrets::existing_keyring(settings)?;
    let store = secrets::connect(settings, keyring).await?;
    let mut copy = FileCopies::new(source, directory)?;
    // Most of the time passes here, and this much need not be copied while the database waits for its files.
    copy.update(Gone::Removed).await?;
    // A file is stored before its row and removed before it. Those that went until now have no row in the copy.
    copy.update(Gone::Removed).await?;
    let taken_at = SystemClock.now();
    let database = directory.join(DATABASE);
    let copied = store.copy_to(&database).await;
    store.close().await;
    copied.context("cannot copy the database")?;
    // Those that came while the database was copied, and those that were written again, for example by an erasure. One
    // that has gone since may have a row in the copy.
    copy.update(Gone::Kept).await?;

    let mut checksums = copy.checksums();
    let (schema_version, rows) = examine(settings, &database).await?;
    checksums.insert(DATABASE.to_owned(), checksums::of_file(&database).await?);
    fs::File::open(&database)?.sync_all()?;
    if options.with_keyring {
        copy_secrets(settings, directory, &mut checksums)?;
    }
    let text = checksums::to_text(&checksums);
    let manifest = Manifest {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        schema_version,
        taken_at: taken_at.to_string(),
        rows,
        files: copy.len(),
        has_keyring: options.with_keyring,
        checksums_sha256: checksums::of_bytes(text.as_bytes()),
    };
    create_file(&directory.join(CHECKSUMS), &text)?;
    let text = serde_json::to_string_pretty(&manifest).expect("strings and numbers serialise");
    create_file(&directory.join(MANIFEST), &format!("{text}\n"))?;
    Ok(manifest)
}

/// Opens the copy of the database: what cannot be opened with the keys of today is no backup.
async fn examine(
    settings: &Settings,
    database: &Path,
) -> anyhow::Result<(i64, store::backup::RowCounts)> {
    let address = format!("sqlite:{}", database.display());
    let store = Store::connect(&address, 1, secrets::existing_keyring(settings)?).await?;
    store.check_keyring().await?;
    let mut session = store.read().await?;
    let schema_version = store::applied_schema_version(&mut session).await?;
    let rows = count_rows(&mut session).await?;
    drop(session);
    // Empties the log of the copy and removes it.
    store.close().await;
    Ok((schema_version.unwrap_or(0), rows))
}

fn copy_secrets(
    settings: &Settings,
    directory: &Path,
    checksums: &mut Checksums,
) -> anyhow::Result<()> {
    let mut copy = |name: &str, content: &str| {
        let path = format!("{SECRETS}/{name}");
        create_file(&directory.join(&path), content)?;
        checksums.insert(path, checksums::of_bytes(content.as_bytes()));
        anyhow::Ok(())
    };
    DataDir::new(directory.join(SECRETS)).create()?;
    copy(KEYRING, &secrets::keyring_text(settings)?)?;
    // One in the settings is kept with the settings.
    if let Some(secret) = DataDir::new(&settings.data_dir).read(secrets::INTERNAL_SECRET)? {
        copy(secrets::INTERNAL_SECRET, &secret)?;
    }
    sync_directory(&directory.join(SECRETS))?;
    Ok(())
}

fn create_file(path: &Path, content: &str) -> anyhow::Result<()> {
    create_atomically(path, content).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}

/// What happens to the copy of a file that no longer exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gone {
    Removed,
    Kept,
}

/// The files that were copied until now.
struct FileCopies<'a> {
    source: &'a Files,
    target: Files,
    copied: BTreeMap<Key, CopiedFile>,
}

struct CopiedFile {
    version: String,
    checksum: String,
}

impl<'a> FileCopies<'a> {
    fn new(source: &'a Files, directory: &Path) -> anyhow::Result<Self> {
        let target = Files::open(&format!("file:{}", directory.join(FILES).display()))?;
        Ok(Self {
            source,
            target,
            copied: BTreeMap::new(),
        })
    }

    /// Copies the files that are new or changed.
    async fn update(&mut self, gone: Gone) -> anyhow::Result<()> {
        let listed = self.source.list().await?;
        if gone == Gone::Removed {
            self.remove_missing(listed.iter().map(|entry| &entry.key).collect())
                .await?;
        }
        for entry in listed {
            let known = self.copied.get(&entry.key);
            if known.is_some_and(|known| known.version == entry.version) {
                continue;
            }
            // The version was read first: of a file that changes meanwhile, the next update notices it.
            let checksum = checksums::copy(self.source, &self.target, &entry.key).await?;
            if let Some(checksum) = checksum {
                let version = entry.version;
                let copied = CopiedFile { version, checksum };
                self.copied.insert(entry.key, copied);
            }
        }
        Ok(())
    }

    async fn remove_missing(&mut self, existing: BTreeSet<&Key>) -> anyhow::Result<()> {
        let copied = self.copied.keys().filter(|key| !existing.contains(key));
        let missing: Vec<Key> = copied.cloned().collect();
        for key in missing {
            self.target.remove(&key).await?;
            self.copied.remove(&key);
        }
        Ok(())
    }

    fn checksums(&self) -> Checksums {
        let copied = self.copied.iter();
        copied
            .map(|(key, copy)| (path_of_file(key.as_str()), copy.checksum.clone()))
            .collect()
    }

    fn len(&self) -> u64 {
        self.copied.len() as u64
    }
}

/// A backup under a temporary name, removed when it is dropped.
struct PartialBackup(PathBuf);

impl PartialBackup {
    fn begin(target: &Path) -> anyhow::Result<Self> {
        let mut path = target.as_os_str().to_owned();
        // Of two backups to one directory, each needs a name of its own.
        let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0);
        path.push(format!(".{random:x}.partial"));
        let path = PathBuf::from(path);
        DataDir::new(&path).create()?;
        Ok(Self(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }

    /// Gives the backup its name, unless the name was taken meanwhile.
    fn finish(self, target: &Path) -> anyhow::Result<()> {
        sync_directory(&self.0)?;
        let renamed = renameat_with(CWD, &self.0, CWD, target, RenameFlags::NOREPLACE);
        let renamed = match renamed {
            // Some network file systems cannot; an existing directory with content is still safe.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => fs::rename(&self.0, target),
            other => other.map_err(std::io::Error::from),
        };
        renamed.with_context(|| format!("cannot create {}", target.display()))
    }
}

impl Drop for PartialBackup {
    fn drop(&mut self) {
        // Missing once it has its name.
        let _ = fs::remove_dir_all(&self.0);
    }
}
