//! Unfinished uploads in a directory. The storage writes a file as `<file>#<number>` and renames it once it is whole. A
//! process that was killed meanwhile leaves that file behind; nothing reads it, and nothing else would remove it.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Most unfinished uploads of one file that are looked for; each is left by a process that was suspended or killed.
const MAX_PARTIAL_UPLOADS: usize = 8;

/// Returns the paths that unfinished uploads of `file` may have.
pub(crate) fn paths(file: Option<PathBuf>) -> impl Iterator<Item = PathBuf> {
    (1..=MAX_PARTIAL_UPLOADS).filter_map(move |number| {
        let mut path = file.clone()?.into_os_string();
        path.push(format!("#{number}"));
        Some(path.into())
    })
}

/// Removes the unfinished uploads below `directory` last written to before `before`, and returns how many.
pub(crate) fn remove(directory: &Path, before: SystemTime) -> io::Result<u64> {
    let mut removed = 0;
    for entry in unless_gone(fs::read_dir(directory))?.into_iter().flatten() {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            removed += remove(&entry.path(), before)?;
        } else if is_partial_upload(&entry.file_name().to_string_lossy())
            && unless_gone(entry.metadata())?.is_some_and(|found| is_older(&found, before))
            && unless_gone(fs::remove_file(entry.path()))?.is_some()
        {
            removed += 1;
        }
    }
    Ok(removed)
}

fn is_partial_upload(name: &str) -> bool {
    // No key contains this sign (see `Key`), so a finished file is never taken for one.
    name.rsplit_once('#').is_some_and(|(_, number)| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn is_older(found: &fs::Metadata, before: SystemTime) -> bool {
    found.modified().is_ok_and(|written| written < before)
}

/// Turns "not found" into `None`: uploads are finished and files removed while the directory is walked.
fn unless_gone<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
