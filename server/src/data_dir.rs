//! The data directory of an installation: its locks, and the files in it beside the database.
//!
//! ```text
//! start.lock       locked exclusively by a process while it starts, so that first files are created once
//! lock             locked by the process of `up`, exclusively; by the processes of `serve`, shared
//! workers/         a directory for each machine with a file for each worker, locked while it is alive
//! running.json     URL and process id of the platform while it runs
//! keyring          encryption keys for personal data
//! internal-secret  secret with which internal clients sign
//! demo.json        API keys of the demo service, for developers
//! ```

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use anyhow::{Context as _, anyhow, bail};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::permissions;

/// The data directory of an installation.
#[derive(Debug, Clone)]
pub struct DataDir(PathBuf);

/// The content of `running.json`: where a running platform can be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Base URL, without a slash at the end.
    pub url: String,
    /// Process id.
    pub pid: u32,
}

/// A lock on the data directory, released when it is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl DataDir {
    /// Wraps the path of a data directory, which need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Creates the directory if it does not exist, and makes it and its files accessible to their owner only.
    pub fn create(&self) -> anyhow::Result<()> {
        let created = DirBuilder::new()
            .recursive(true)
            // The directory holds keys, and messages in clear text in the sink.
            .mode(0o700)
            .create(&self.0);
        created
            .with_context(|| format!("cannot create the data directory {}", self.0.display()))?;
        permissions::secure_data_dir(&self.0)
    }

    /// Returns the path of the directory.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Returns the path of a file in the directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Locks the directory for this process alone.
    pub fn lock(&self) -> anyhow::Result<Lock> {
        self.lock_with(File::try_lock)
    }

    /// Locks the directory for this process and others that share it.
    pub fn share(&self) -> anyhow::Result<Lock> {
        self.lock_with(File::try_lock_shared)
    }

    fn lock_with(&self, try_lock: fn(&File) -> Result<(), TryLockError>) -> anyhow::Result<Lock> {
        let path = self.file("lock");
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .mode(0o600)
            .open(&path);
        let file = file.with_context(|| format!("cannot open {}", path.display()))?;
        match try_lock(&file) {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => bail!(
                "another pillarbox uses the data directory {}{}: stop it, or choose another directory with --data-dir",
                self.0.display(),
                // The process id is a help only: the file is missing while that process starts.
                self.running()
                    .ok()
                    .flatten()
                    .map(|it| format!(" (process {})", it.pid))
                    .unwrap_or_default(),
            ),
            Err(TryLockError::Error(error)) => {
                Err(error).context(format!("cannot lock {}", path.display()))
            }
        }
    }

    /// Writes a file that only its owner can read. The write is atomic and durable.
    pub fn write_private(&self, name: &str, content: &str) -> anyhow::Result<()> {
        let path = self.file(name);
        write_atomically(&path, content).with_context(|| format!("cannot write {}", path.display()))
    }

    /// As [`DataDir::write_private`], unless the file exists. Returns whether it was created.
    pub fn create_private(&self, name: &str, content: &str) -> anyhow::Result<bool> {
        let path = self.file(name);
        create_atomically(&path, content)
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Waits until no other process starts on this directory, and keeps others waiting until the lock is dropped.
    pub async fn lock_start(&self) -> anyhow::Result<Lock> {
        let path = self.file("start.lock");
        let lock = |path: &Path| -> io::Result<Lock> {
            let file = OpenOptions::new()
                .create(true)
                .write(true)
                .truncate(false)
                .mode(0o600)
                .open(path)?;
            file.lock()?;
            Ok(Lock { _file: file })
        };
        let failed = format!("cannot lock {}", path.display());
        // The other process may take minutes, for example to migrate a large database.
        let locked = tokio::task::spawn_blocking(move || lock(&path)).await?;
        locked.context(failed)
    }

    /// Reads a text file; `None` if it does not exist.
    pub fn read(&self, name: &str) -> anyhow::Result<Option<String>> {
        let path = self.file(name);
        match files::settings_file::read_text(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).context(format!("cannot read {}", path.display())),
        }
    }

    /// Reads a JSON file; `None` if it does not exist.
    pub fn read_json<T: DeserializeOwned>(&self, name: &str) -> anyhow::Result<Option<T>> {
        let Some(text) = self.read(name)? else {
            return Ok(None);
        };
        let read = serde_json::from_str(&text).map_err(|_| {
            anyhow!(
                "{} is not valid: remove it and start the platform again",
                self.file(name).display()
            )
        });
        read.map(Some)
    }

    /// Checks that files can be written in the directory, by writing one of some kilobytes and removing it.
    pub fn check_writable(&self) -> io::Result<()> {
        const SAMPLE: &str = "is there room?";
        let path = self.file("room");
        // A single byte may still fit on a full disk.
        let written = write_atomically(&path, &SAMPLE.repeat(1000));
        // Missing if the write failed.
        let _ = fs::remove_file(&path);
        written
    }

    /// Reads `running.json`. After a crash it may name a process that no longer runs.
    pub fn running(&self) -> anyhow::Result<Option<Running>> {
        self.read_json("running.json")
    }

    /// Writes `running.json`, with which commands find the platform, until the returned value is dropped.
    pub fn write_running_file(&self, running: &Running) -> anyhow::Result<RunningFile> {
        let text = serde_json::to_string(running).expect("strings and numbers always serialise");
        self.write_private("running.json", &text)?;
        Ok(RunningFile {
            path: self.file("running.json"),
            content_written: text,
        })
    }
}

/// Returns the path of an embedded database while it is restored.
pub(crate) fn partial_database(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".restoring");
    path.into()
}

/// Removes `running.json` when it is dropped, unless another process has replaced it.
#[derive(Debug)]
pub struct RunningFile {
    path: PathBuf,
    content_written: String,
}

impl Drop for RunningFile {
    fn drop(&mut self) {
        if fs::read_to_string(&self.path).is_ok_and(|text| text == self.content_written) {
            // A file that stays is harmless: the next start replaces it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn write_atomically(path: &Path, content: &str) -> io::Result<()> {
    let temporary = write_temporary(path, content)?;
    let renamed = fs::rename(&temporary, path);
    if renamed.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    renamed?;
    sync_directory_of(path)
}

/// Creates a file with its whole content, or returns false if it exists.
pub(crate) fn create_atomically(path: &Path, content: &str) -> io::Result<bool> {
    let temporary = write_temporary(path, content)?;
    // Unlike renaming, linking fails if the name is taken. Unlike `create_new`, it never shows an unfinished file.
    let linked = fs::hard_link(&temporary, path);
    let _ = fs::remove_file(&temporary);
    match linked {
        Ok(()) => sync_directory_of(path).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes a file beside `path`, under a name that no other process or thread uses, and syncs it.
fn write_temporary(path: &Path, content: &str) -> io::Result<PathBuf> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let mut temporary = path.as_os_str().to_owned();
    // The process id alone is not enough where containers share a directory: each may have the same one.
    let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    temporary.push(format!(".{}-{random:x}-{number}.new", std::process::id()));
    let temporary = PathBuf::from(temporary);
    let written = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&temporary)
        // Sync the content before the name, and the name after it: otherwise a power failure could leave an empty file.
        .and_then(|mut file| {
            file.write_all(content.as_bytes())
                .and_then(|()| file.sync_all())
        });
    if written.is_err() {
        // A full disk should not keep the file that it had no room for.
        let _ = fs::remove_file(&temporary);
    }
    written.map(|()| temporary)
}

fn sync_directory_of(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn private_files_are_readable_by_their_owner_only() {
        let parent = tempfile::tempdir().unwrap();
        let directory = DataDir::new(parent.path().join("a/b"));
        directory.create().unwrap();
        directory.write_private("secret", "hunter2").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (mode(directory.path()), mode(&directory.file("secret"))),
            (0o700, 0o600)
        );
        assert_eq!(
            directory.read("secret").unwrap().as_deref(),
            Some("hunter2")
        );
    }

    #[test]
    fn a_file_that_many_create_is_created_once() {
        let directory = tempfile::tempdir().unwrap();
        let directory = DataDir::new(directory.path());
        let created: Vec<bool> = std::thread::scope(|scope| {
            let create = |number: usize| {
                let directory = &directory;
                scope.spawn(move || directory.create_private("secret", &format!("{number:999}")))
            };
            let creating: Vec<_> = (0..16).map(create).collect();
            let created = creating.into_iter().map(|one| one.join().unwrap().unwrap());
            created.collect()
        });
        let winner = created.iter().position(|created| *created).unwrap();
        assert_eq!(created.iter().filter(|created| **created).count(), 1);
        assert_eq!(
            directory.read("secret").unwrap(),
            Some(format!("{winner:999}"))
        );
        let files = fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(files, 1, "no temporary file is left");
    }

    #[test]
    fn an_exclusive_lock_excludes_others_and_shared_locks_coexist() {
        let directory = tempfile::tempdir().unwrap();
        let directory = DataDir::new(directory.path());
        let alone = directory.lock().unwrap();
        assert!(directory.lock().is_err() && directory.share().is_err());
        drop(alone);
        let _shared = (directory.share().unwrap(), directory.share().unwrap());
        assert!(directory.lock().is_err());
    }

    #[test]
    fn a_running_file_is_removed_only_by_the_process_that_wrote_it() {
        let directory = tempfile::tempdir().unwrap();
        let directory = DataDir::new(directory.path());
        let first = directory
            .write_running_file(&Running {
                url: "http://a".to_owned(),
                pid: 1,
            })
            .unwrap();
        let second = Running {
            url: "http://b".to_owned(),
            pid: 2,
        };
        let again = directory.write_running_file(&second).unwrap();
        drop(first);
        assert_eq!(directory.running().unwrap(), Some(second));
        drop(again);
        assert_eq!(directory.running().unwrap(), None);
    }
}
