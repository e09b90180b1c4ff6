//! The port of a place for files, and its errors.

use std::{
    fmt, io,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use bytes::Bytes;

use crate::Detail;

/// A place for files. Folders are paths of the target; names are names of files in a folder, without a path.
#[async_trait]
pub trait DropTarget: Send + Sync {
    /// Writes a file under a temporary name, syncs it, and renames it. A file of that name and length is left as it is.
    async fn put(&self, folder: &str, name: &str, contents: Bytes) -> Result<(), DropError>;

    /// Lists the files of a folder, without its subfolders.
    async fn list(&self, folder: &str) -> Result<Vec<DroppedFile>, DropError>;

    /// Returns the contents of a file, or `None` if there is none. Fails if it is longer than `max_bytes`.
    async fn fetch(
        &self,
        folder: &str,
        name: &str,
        max_bytes: u64,
    ) -> Result<Option<Bytes>, DropError>;

    /// Moves a file to a subfolder, replacing one of that name. Does nothing if there is no such file.
    async fn set_aside(&self, folder: &str, name: &str, subfolder: &str) -> Result<(), DropError>;

    /// Returns whether a file that is listed is whole, whoever wrote it. Elsewhere one that has just changed may still grow.
    fn shows_whole_files(&self) -> bool {
        false
    }
}

/// A file of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DroppedFile {
    /// Its name, without a path.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// When it was last written to, in seconds since 1970; 0 if the target does not say.
    pub modified: u64,
}

impl DroppedFile {
    /// Returns when it was last written to.
    pub(super) fn modified(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(self.modified)
    }
}

/// A file drop cannot be used now: it is away, full, or refuses us. Trying again later may help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the file drop cannot be used: {0}")]
pub struct DropError(pub(super) Detail);

impl DropError {
    /// Creates one. The words are logged.
    pub fn new(words: &'static str) -> Self {
        Self(words.into())
    }

    /// Returns what happened, safe to log.
    pub fn detail(&self) -> &Detail {
        &self.0
    }
}

impl From<&io::Error> for DropError {
    fn from(error: &io::Error) -> Self {
        Self::new(match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "its disk is full",
            io::ErrorKind::PermissionDenied => "permission denied",
            io::ErrorKind::ReadOnlyFilesystem => "its file system is read-only",
            io::ErrorKind::NotFound => "its directory does not exist; is it mounted?",
            io::ErrorKind::NotADirectory => "what should be its directory is not one",
            io::ErrorKind::TimedOut => "it did not answer in time",
            io::ErrorKind::FileTooLarge => "a file there is longer than is read",
            _ => "reading or writing failed",
        })
    }
}

impl From<io::Error> for DropError {
    fn from(error: io::Error) -> Self {
        Self::from(&error)
    }
}

/// Hidden name under which an attempt writes a file. Print shops do not collect hidden files.
pub(super) fn temporary_name(name: &str, attempt: u32) -> String {
    format!("{}{attempt}.part", temporary_prefix(name))
}

/// What the temporary names of a file begin with.
pub(super) fn temporary_prefix(name: &str) -> String {
    format!(".{name}.")
}

/// Returns whether a file is the remainder of an attempt to write `name`.
pub(super) fn is_temporary_of(file: &str, name: &str) -> bool {
    file.strip_prefix(&temporary_prefix(name))
        .and_then(|rest| rest.strip_suffix(".part"))
        .is_some_and(|attempt| attempt.parse::<u32>().is_ok())
}

/// Most remainders of killed attempts that a new attempt passes over, so that a server that says "exists" to everything
/// does not hold it for ever.
pub(super) const MAX_ATTEMPTS: u32 = 1000;

/// Refuses a name that would leave its folder. Names of files that others left come from listings, and are theirs.
pub(super) fn check_name(name: &str) -> Result<(), DropError> {
    if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
        return Err(DropError::new("a file has a name that is no file name"));
    }
    Ok(())
}

impl fmt::Debug for dyn DropTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DropTarget")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remainder_is_known_by_its_name() {
        let name = "NOTIFY.2018-01-13.001.x.ZIP";
        assert!(is_temporary_of(&temporary_name(name, 7), name));
        assert!(!is_temporary_of(name, name));
        assert!(!is_temporary_of(
            ".NOTIFY.2018-01-13.001.x.ZIP.x.part",
            name
        ));
    }

    #[test]
    fn a_name_that_leaves_its_folder_is_refused() {
        for name in ["", ".", "..", "../x", "a/b"] {
            assert!(check_name(name).is_err(), "{name}");
        }
        assert!(check_name("NOTIFY-20180113120000-RSP.TXT").is_ok());
    }
}
