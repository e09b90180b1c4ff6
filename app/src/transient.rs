//! Transient errors: the same attempt, unchanged, may succeed later.

use std::{error::Error, sync::Arc};

use crate::{documents::FileError, foreign_files::Unavailable, sealing::sealed_files::OpenError};

/// Returns whether an error, or one of its causes, is a database or a file storage that does not answer now: its disk
/// is full, it restarts, or it cannot be reached. Nothing is wrong with the request, and repeating it may succeed.
pub fn is_transient(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if is_transient_itself(error) {
            return true;
        }
        cause = error.source();
    }
    false
}

fn is_transient_itself(error: &(dyn Error + 'static)) -> bool {
    if let Some(error) = error.downcast_ref::<store::Error>() {
        return error.is_transient();
    }
    if let Some(error) = error.downcast_ref::<Arc<store::Error>>() {
        return error.is_transient();
    }
    if error.is::<Unavailable>() {
        return true;
    }
    // These two are transparent: what they hold is not among their causes.
    match (error.downcast_ref(), error.downcast_ref()) {
        (Some(OpenError::Files(error)), _) | (_, Some(FileError::Files(error))) => {
            is_storage_failure(error)
        }
        (_, Some(FileError::Store(error))) => error.is_transient(),
        _ => error.downcast_ref().is_some_and(is_storage_failure),
    }
}

const fn is_storage_failure(error: &files::Error) -> bool {
    matches!(
        error,
        files::Error::Storage { .. } | files::Error::List { .. }
    )
}
