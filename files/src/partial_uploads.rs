//! What was begun in a directory and never finished: the storage writes a file as `<file>#<number>` until it is whole,
//! and whoever was killed meanwhile has left that behind. Nothing reads it, and nothing else would ever remove it.

use std::{fs, io, path::Path, time::SystemTime};

/// Removes the drafts below a directory that nobody has written to since `before`; how many it was.
pub(crate) fn remove(directory: &Path, before: SystemTime) -> io::Result<u64> {
    let mut removed = 0;
    for entry in unless_gone(fs::read_dir(directory))?.into_iter().flatten() {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            removed += remove(&entry.path(), before)?;
        } else if is_draft(&entry.file_name().to_string_lossy())
            && unless_gone(entry.metadata())?.is_some_and(|found| is_older(&found, before))
            && unless_gone(fs::remove_file(entry.path()))?.is_some()
        {
            removed += 1;
        }
    }
    Ok(removed)
}

/// No key of ours has this sign in it (see [`Key`](crate::Key)).
fn is_draft(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(_, number)| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn is_older(found: &fs::Metadata, before: SystemTime) -> bool {
    found.modified().is_ok_and(|written| written < before)
}

/// Files come and go while we look.
fn unless_gone<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
