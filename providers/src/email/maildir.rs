//! A maildir into which a mail server delivers reports: each message is a file of its own in `new`.

use std::{
    io,
    path::{Path, PathBuf},
};

use tokio::fs;

/// Files read in one sweep.
const MAX_FILES: usize = 500;

/// A directory of messages.
#[derive(Debug, Clone)]
pub struct Maildir(PathBuf);

/// A message that was found.
#[derive(Debug)]
pub struct NewMail {
    path: PathBuf,
    /// The message; `None` if it is too long to be a report.
    pub contents: Option<Vec<u8>>,
}

impl Maildir {
    /// Names a maildir, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Reads messages that have arrived, up to a number and each up to `max_bytes`.
    pub async fn read_new(&self, max_bytes: usize) -> io::Result<Vec<NewMail>> {
        let mut entries = match fs::read_dir(self.0.join("new")).await {
            Ok(entries) => entries,
            // The mail server makes it with the first message.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut found = Vec::new();
        while found.len() < MAX_FILES {
            let Some(entry) = entries.next_entry().await? else {
                break;
            };
            let metadata = entry.metadata().await?;
            if !metadata.is_file() {
                continue;
            }
            let is_short = metadata.len() <= max_bytes as u64;
            let contents = if is_short {
                read(&entry.path()).await?
            } else {
                None
            };
            found.push(NewMail {
                path: entry.path(),
                contents,
            });
        }
        Ok(found)
    }

    /// Moves a message to `cur`, for people to look at.
    pub async fn keep(&self, mail: &NewMail) -> io::Result<()> {
        let cur = self.0.join("cur");
        fs::create_dir_all(&cur).await?;
        let name = mail.path.file_name().unwrap_or_default();
        ignore_missing(fs::rename(&mail.path, cur.join(name)).await)
    }
}

impl NewMail {
    /// Removes the message. Another process may have done so.
    pub async fn remove(&self) -> io::Result<()> {
        ignore_missing(fs::remove_file(&self.path).await)
    }
}

fn ignore_missing(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Reads a file, or returns `None` if another process has taken it.
async fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path).await {
        Ok(contents) => Ok(Some(contents)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
