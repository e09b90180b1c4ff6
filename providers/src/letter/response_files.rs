//! Response files, in which a print provider says line by line what became of its letters (`docs/spec/letters.md` §8): the
//! port [`ResponseFiles`], and the files of a directory.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::fs;

/// The longest response file that is read: some six million lines.
pub const MAX_RESPONSE_FILE_BYTES: u64 = 256 << 20;

/// The longest key of a response file.
const MAX_KEY_BYTES: usize = 1024;

/// Folder of the files that have been processed.
const PROCESSED: &str = "processed";

/// How deep folders may lie in each other.
const MAX_DEPTH: usize = 8;

/// A file that changed less long ago than this may still be growing.
const SETTLED_AFTER: Duration = Duration::from_secs(30);

/// Returns whether a key is that of a response file, by its ending (`docs/spec/letters.md` §8.1).
pub fn is_response_file(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    key.ends_with("rs.txt") || key.ends_with("rsp.txt")
}

/// Returns whether a file that was last written to at this time is complete.
pub(super) fn has_settled(modified: SystemTime) -> bool {
    is_older(modified, SETTLED_AFTER)
}

fn is_older(modified: SystemTime, age: Duration) -> bool {
    modified.elapsed().unwrap_or_default() >= age
}

/// A response file that waits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResponseFileEntry {
    /// Its path within its place, with `/` between folders.
    pub key: String,
    /// Differs if the file was replaced, for example its length and time.
    pub version: String,
}

/// A response file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseFile {
    /// What it says.
    pub contents: Bytes,
    /// Its version when it was read, as in a [`ResponseFileEntry`].
    pub version: String,
}

/// Where a print provider leaves response files.
#[async_trait]
pub trait ResponseFiles: fmt::Debug + Send + Sync {
    /// Returns the response files that wait, in any order. Files that may still be growing are left out.
    async fn list(&self) -> Result<Vec<ResponseFileEntry>, ResponseFileError>;

    /// Returns a file, or `None` if there is none with this key.
    async fn fetch(&self, key: &str) -> Result<Option<ResponseFile>, ResponseFileError>;

    /// Moves a processed file aside, so that it is no longer listed. Does nothing if there is none with this key.
    async fn put_aside(&self, key: &str) -> Result<(), ResponseFileError>;
}

/// A place of response files that cannot be read or changed now.
#[derive(Debug, thiserror::Error)]
pub enum ResponseFileError {
    /// The place does not answer, or refuses.
    #[error("the response files of the print provider cannot be reached")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The file is longer than [`MAX_RESPONSE_FILE_BYTES`].
    #[error("the response file has more than {MAX_RESPONSE_FILE_BYTES} bytes")]
    TooLong,
}

impl From<io::Error> for ResponseFileError {
    fn from(error: io::Error) -> Self {
        Self::Unavailable(error.into())
    }
}

/// Returns whether a key names a file within its place, and no other.
pub fn is_safe_key(key: &str) -> bool {
    // Keys come from announcements too, which anyone can send.
    key.len() <= MAX_KEY_BYTES
        && !key.contains(['\\', '\0', ':'])
        && key.split('/').all(|part| !["", ".", ".."].contains(&part))
        && key.split('/').count() <= MAX_DEPTH
}

/// The response files of a directory and its folders. Processed files move to the folder `processed`.
#[derive(Debug, Clone)]
pub struct ResponseDirectory {
    root: PathBuf,
    settled_after: Duration,
}

impl ResponseDirectory {
    /// Returns the response files of a directory, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            settled_after: SETTLED_AFTER,
        }
    }

    /// Lists files at once, even those that may still be growing: for tests.
    #[must_use]
    pub fn without_waiting(self) -> Self {
        Self {
            settled_after: Duration::ZERO,
            ..self
        }
    }

    fn path_of(&self, key: &str) -> Option<PathBuf> {
        is_safe_key(key).then(|| self.root.join(key))
    }

    fn is_settled(&self, metadata: &std::fs::Metadata) -> bool {
        let modified = metadata.modified();
        modified.is_ok_and(|at| is_older(at, self.settled_after))
    }

    /// Adds the files of a folder to `files`, and its folders to `folders`.
    async fn list_folder(
        &self,
        folder: &str,
        files: &mut Vec<ResponseFileEntry>,
        folders: &mut Vec<String>,
    ) -> io::Result<()> {
        let mut entries = fs::read_dir(self.root.join(folder)).await?;
        while let Some(entry) = entries.next_entry().await? {
            // A name that is no text cannot be a key.
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let key = if folder.is_empty() {
                name
            } else {
                format!("{folder}/{name}")
            };
            let metadata = match entry.metadata().await {
                Ok(metadata) => metadata,
                // Another process moved it in the meantime.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if !is_safe_key(&key) || key == PROCESSED {
                continue;
            }
            if metadata.is_dir() {
                folders.push(key);
            } else if metadata.is_file() && is_response_file(&key) && self.is_settled(&metadata) {
                let version = version_of(&metadata);
                files.push(ResponseFileEntry { key, version });
            }
        }
        Ok(())
    }
}

#[async_trait]
impl ResponseFiles for ResponseDirectory {
    async fn list(&self) -> Result<Vec<ResponseFileEntry>, ResponseFileError> {
        let (mut files, mut folders) = (Vec::new(), vec![String::new()]);
        while let Some(folder) = folders.pop() {
            match self.list_folder(&folder, &mut files, &mut folders).await {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        Ok(files)
    }

    async fn fetch(&self, key: &str) -> Result<Option<ResponseFile>, ResponseFileError> {
        let Some(path) = self.path_of(key) else {
            return Ok(None);
        };
        match read(&path).await {
            Ok(found) => found.map(Some).ok_or(ResponseFileError::TooLong),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn put_aside(&self, key: &str) -> Result<(), ResponseFileError> {
        let Some(path) = self.path_of(key) else {
            return Ok(());
        };
        // A later file of this name replaces the earlier one here, as it does in the counts.
        let aside = self.root.join(PROCESSED).join(key);
        if let Some(folder) = aside.parent() {
            fs::create_dir_all(folder).await?;
        }
        match fs::rename(path, aside).await {
            Err(error) if !is_missing(&error) => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// Reads a file, or returns `None` if it is too long.
async fn read(path: &Path) -> io::Result<Option<ResponseFile>> {
    // Before the content: a file that is replaced in between counts as its older version, and is read again.
    let metadata = fs::metadata(path).await?;
    // Opening a pipe would wait for its other end.
    if !metadata.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    if metadata.len() > MAX_RESPONSE_FILE_BYTES {
        return Ok(None);
    }
    Ok(Some(ResponseFile {
        contents: fs::read(path).await?.into(),
        version: version_of(&metadata),
    }))
}

fn version_of(metadata: &std::fs::Metadata) -> String {
    let modified = metadata.modified().ok();
    let since = modified.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
    format!(
        "{} {}",
        metadata.len(),
        since.unwrap_or_default().as_nanos()
    )
}

fn is_missing(error: &io::Error) -> bool {
    // The second when a part of the path is a file.
    [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory].contains(&error.kind())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_file_is_known_by_its_ending() {
        for key in [
            "NOTIFY-20180312112300-RSP.TXT",
            "notify-20180312112300-rs.txt",
            "root/dispatch/NOTIFY-20180312112300-Rsp.Txt",
        ] {
            assert!(is_response_file(key), "{key}");
        }
        for key in ["NOTIFY.ACK.TXT", "NOTIFY-20180312112300-RSP.TXT.part", ""] {
            assert!(!is_response_file(key), "{key}");
        }
    }

    #[test]
    fn a_key_leads_to_no_other_place() {
        for key in [
            "../NOTIFY-RSP.TXT",
            "/etc/RSP.TXT",
            "a/../../RSP.TXT",
            "a//RSP.TXT",
            "",
            "./RSP.TXT",
            "C:RSP.TXT",
            "a\\..\\RSP.TXT",
            "a/a/a/a/a/a/a/a/RSP.TXT",
        ] {
            assert!(!is_safe_key(key), "{key}");
        }
        assert!(is_safe_key("root/dispatch/NOTIFY-20180312112300-RSP.TXT"));
    }

    #[tokio::test]
    async fn a_processed_file_is_listed_no_more() {
        let place = tempfile::tempdir().unwrap();
        let files = ResponseDirectory::new(place.path()).without_waiting();
        let key = "root/NOTIFY-20180312112300-RSP.TXT";
        std::fs::create_dir(place.path().join("root")).unwrap();
        std::fs::write(place.path().join(key), "A|Sent|1|Sorted").unwrap();
        std::fs::write(place.path().join("root/other.txt"), "").unwrap();
        let listed = files.list().await.unwrap();
        let fetched = files.fetch(key).await.unwrap().unwrap();
        assert_eq!(fetched.contents, "A|Sent|1|Sorted".as_bytes());
        let entry = ResponseFileEntry {
            key: key.to_owned(),
            version: fetched.version,
        };
        assert_eq!(listed, [entry]);

        for _ in 0..2 {
            files.put_aside(key).await.unwrap();
            assert_eq!(files.list().await.unwrap(), []);
        }
        assert_eq!(files.fetch(key).await.unwrap(), None);
        assert!(place.path().join("processed").join(key).exists());
    }

    #[tokio::test]
    async fn a_file_that_may_still_grow_is_left_alone() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("NOTIFY-RSP.TXT"), "A|Se").unwrap();
        let files = ResponseDirectory::new(place.path());
        assert_eq!(files.list().await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_directory_that_does_not_exist_holds_nothing() {
        let place = tempfile::tempdir().unwrap();
        let files = ResponseDirectory::new(place.path().join("later"));
        assert_eq!(files.list().await.unwrap(), []);
        assert_eq!(files.fetch("NOTIFY-RSP.TXT").await.unwrap(), None);
    }
}
