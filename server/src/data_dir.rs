//! The directory of an installation: who may use it, and what lies in it beside the database.
//!
//! ```text
//! lock             held by the process that `up` runs in; shared by those of `serve`
//! workers/         by machine, a file for each process that works on tasks, locked while it lives
//! running.json     where the platform answers, while it does
//! keyring          the keys that seal personal data
//! internal-secret  what internal clients sign with
//! demo.json        the keys of the demo service, for the developer
//! ```

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow, bail};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The directory of an installation.
#[derive(Debug, Clone)]
pub struct DataDir(PathBuf);

/// Where a platform answers, as `running.json` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// The beginning of its URLs, without a slash at the end.
    pub url: String,
    /// Its process.
    pub pid: u32,
}

/// The right to use the directory, until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl DataDir {
    /// Of this path; nothing is made.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Makes the directory, for its owner alone, if it is not there.
    pub fn make(&self) -> anyhow::Result<()> {
        let made = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0);
        made.with_context(|| format!("cannot make the data directory {}", self.0.display()))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The directory for this process alone.
    pub fn lock(&self) -> anyhow::Result<Lock> {
        self.take_lock(File::try_lock)
    }

    /// The directory for this process and others that share it.
    pub fn share(&self) -> anyhow::Result<Lock> {
        self.take_lock(File::try_lock_shared)
    }

    fn take_lock(&self, take: fn(&File) -> Result<(), TryLockError>) -> anyhow::Result<Lock> {
        let path = self.file("lock");
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .mode(0o600)
            .open(&path);
        let file = file.with_context(|| format!("cannot open {}", path.display()))?;
        match take(&file) {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => bail!(
                "another pillarbox uses the data directory {}{}: stop it, or give this one another with --data-dir",
                self.0.display(),
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

    /// Writes a file that nobody else may read; it is there whole or not at all.
    pub fn write_private(&self, name: &str, content: &str) -> anyhow::Result<()> {
        let path = self.file(name);
        put(&path, content).with_context(|| format!("cannot write {}", path.display()))
    }

    /// A file's text; `None` if it is not there.
    pub fn read(&self, name: &str) -> anyhow::Result<Option<String>> {
        let path = self.file(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).context(format!("cannot read {}", path.display())),
        }
    }

    /// A JSON file; `None` if it is not there.
    pub fn read_json<T: DeserializeOwned>(&self, name: &str) -> anyhow::Result<Option<T>> {
        let Some(text) = self.read(name)? else {
            return Ok(None);
        };
        let read = serde_json::from_str(&text).map_err(|_| {
            anyhow!(
                "{} does not read: remove it and start the platform again",
                self.file(name).display()
            )
        });
        read.map(Some)
    }

    /// What keeps anybody from writing in it, found out by trying; nothing if nothing does.
    pub fn what_is_in_the_way(&self) -> Option<io::Error> {
        const A_BLOCK: &str = "is there room?";
        let path = self.file("room");
        let tried = put(&path, &A_BLOCK.repeat(1000));
        // What cannot be removed was not written.
        let _ = (
            fs::remove_file(&path),
            fs::remove_file(path.with_extension("new")),
        );
        tried.err()
    }

    /// Where the platform answers, or did when it was last heard of.
    pub fn running(&self) -> anyhow::Result<Option<Running>> {
        self.read_json("running.json")
    }

    /// Tells the commands where the platform answers, until the returned value is dropped.
    pub fn announce(&self, running: &Running) -> anyhow::Result<Announcement> {
        let text = serde_json::to_string(running).expect("texts and numbers are writable as JSON");
        self.write_private("running.json", &text)?;
        Ok(Announcement {
            path: self.file("running.json"),
            said: text,
        })
    }
}

/// Removes `running.json` when it is dropped, unless another process has put its own in its place.
#[derive(Debug)]
pub struct Announcement {
    path: PathBuf,
    said: String,
}

impl Drop for Announcement {
    fn drop(&mut self) {
        if fs::read_to_string(&self.path).is_ok_and(|text| text == self.said) {
            // What stays behind is harmless: nobody answers there, and the next start writes it anew.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn put(path: &Path, content: &str) -> io::Result<()> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_private_is_readable_for_its_owner_alone() {
        let parent = tempfile::tempdir().unwrap();
        let directory = DataDir::new(parent.path().join("a/b"));
        directory.make().unwrap();
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
    fn two_cannot_have_the_directory_but_two_can_share_it() {
        let directory = tempfile::tempdir().unwrap();
        let directory = DataDir::new(directory.path());
        let alone = directory.lock().unwrap();
        assert!(directory.lock().is_err() && directory.share().is_err());
        drop(alone);
        let _shared = (directory.share().unwrap(), directory.share().unwrap());
        assert!(directory.lock().is_err());
    }

    #[test]
    fn an_announcement_takes_away_only_itself() {
        let directory = tempfile::tempdir().unwrap();
        let directory = DataDir::new(directory.path());
        let first = directory
            .announce(&Running {
                url: "http://a".to_owned(),
                pid: 1,
            })
            .unwrap();
        let second = Running {
            url: "http://b".to_owned(),
            pid: 2,
        };
        let again = directory.announce(&second).unwrap();
        drop(first);
        assert_eq!(directory.running().unwrap(), Some(second));
        drop(again);
        assert_eq!(directory.running().unwrap(), None);
    }
}
