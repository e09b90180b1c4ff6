//! A file drop in a directory of this machine, or one that is mounted on it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::task;

use super::target::{
    DropError, DropTarget, DroppedFile, MAX_ATTEMPTS, check_name, is_temporary_of, temporary_name,
};

/// The group of the directory collects the files; nobody else may read letters.
const FILE_MODE: u32 = 0o640;

/// The file system of this machine.
#[derive(Debug)]
pub(super) struct Directory;

#[async_trait]
impl DropTarget for Directory {
    async fn put(&self, folder: &str, name: &str, contents: Bytes) -> Result<(), DropError> {
        check_name(name)?;
        let (folder, name) = (PathBuf::from(folder), name.to_owned());
        blocking(move || put(&folder, &name, &contents)).await
    }

    async fn list(&self, folder: &str) -> Result<Vec<DroppedFile>, DropError> {
        let folder = PathBuf::from(folder);
        blocking(move || list(&folder)).await
    }

    async fn fetch(
        &self,
        folder: &str,
        name: &str,
        max_bytes: u64,
    ) -> Result<Option<Bytes>, DropError> {
        check_name(name)?;
        let path = Path::new(folder).join(name);
        blocking(move || present(read(&path, max_bytes))).await
    }

    async fn set_aside(&self, folder: &str, name: &str, subfolder: &str) -> Result<(), DropError> {
        check_name(name)?;
        let from = Path::new(folder).join(name);
        let aside = Path::new(folder).join(subfolder);
        let to = aside.join(name);
        blocking(move || {
            fs::create_dir_all(&aside)?;
            present(fs::rename(from, to)).map(drop)
        })
        .await
    }
}

/// Runs file operations where they block nobody else.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, DropError> {
    match task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(DropError::new("the runtime is stopping")),
    }
}

fn put(folder: &Path, name: &str, contents: &[u8]) -> io::Result<()> {
    let published = folder.join(name);
    if !has_length(&published, contents.len())? {
        let (file, temporary) = create_temporary(folder, name)?;
        let written = write(file, contents).and_then(|()| fs::rename(&temporary, &published));
        if let Err(error) = written {
            // On a full disk, what was written is in the way of the next attempt.
            let _ = fs::remove_file(&temporary);
            // A slower attempt finds its file swept by a faster one, which has published the same contents.
            if !has_length(&published, contents.len())? {
                return Err(error);
            }
        }
        // Without it, a power cut could undo the rename after the letters were recorded as sent.
        File::open(folder)?.sync_all()?;
    }
    sweep(folder, name);
    Ok(())
}

fn has_length(path: &Path, bytes: usize) -> io::Result<bool> {
    let found = present(fs::metadata(path))?;
    Ok(found.is_some_and(|file| file.len() == bytes as u64))
}

/// Creates a file with the first free temporary name, because another attempt may still write to the one before.
fn create_temporary(folder: &Path, name: &str) -> io::Result<(File, PathBuf)> {
    for attempt in 0..MAX_ATTEMPTS {
        let path = folder.join(temporary_name(name, attempt));
        let created = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(&path);
        match created {
            Ok(file) => return Ok((file, path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn write(mut file: File, contents: &[u8]) -> io::Result<()> {
    file.write_all(contents)?;
    file.sync_all()
}

/// Removes what killed attempts left of a file that is in place. A failure does no harm: the next file tries again.
fn sweep(folder: &Path, name: &str) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        if entry
            .file_name()
            .to_str()
            .is_some_and(|file| is_temporary_of(file, name))
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn list(folder: &Path) -> io::Result<Vec<DroppedFile>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Some(metadata) = present(entry.metadata())? else {
            continue;
        };
        // A name that is not text is none that the print shop's format knows.
        if let (true, Ok(name)) = (metadata.is_file(), entry.file_name().into_string()) {
            files.push(DroppedFile {
                name,
                bytes: metadata.len(),
                modified: seconds(&metadata),
            });
        }
    }
    Ok(files)
}

fn seconds(metadata: &fs::Metadata) -> u64 {
    let since = metadata
        .modified()
        .map(|at| at.duration_since(UNIX_EPOCH).unwrap_or_default());
    since.map_or(0, |since| since.as_secs())
}

fn read(path: &Path, max_bytes: u64) -> io::Result<Bytes> {
    let mut contents = Vec::new();
    // One more, to tell a file of just that length from a longer one.
    let limit = max_bytes.saturating_add(1);
    File::open(path)?.take(limit).read_to_end(&mut contents)?;
    if contents.len() as u64 > max_bytes {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(contents.into())
}

/// Makes `None` of a file that does not exist.
fn present<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
