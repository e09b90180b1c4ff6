//! Which faults pass: trying again, unchanged, may succeed.

use std::{error::Error, sync::Arc};

use crate::{documents::FileError, sealing::sealed_files::OpenError};

/// Whether what is behind an error is a database or a file storage that does not answer now: its disk is full, it starts
/// anew, nobody reaches it. Nothing of the request is at fault, and whoever asks again later may be served.
pub fn is_transient(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if passes(error) {
            return true;
        }
        cause = error.source();
    }
    false
}

fn passes(error: &(dyn Error + 'static)) -> bool {
    if let Some(error) = error.downcast_ref::<store::Error>() {
        return error.is_transient();
    }
    if let Some(error) = error.downcast_ref::<Arc<store::Error>>() {
        return error.is_transient();
    }
    // These two show what they hold as if it were them, so that it is not among the causes.
    match (error.downcast_ref(), error.downcast_ref()) {
        (Some(OpenError::Files(error)), _) | (_, Some(FileError::Files(error))) => fails(error),
        (_, Some(FileError::Store(error))) => error.is_transient(),
        _ => error.downcast_ref().is_some_and(fails),
    }
}

const fn fails(error: &files::Error) -> bool {
    matches!(error, files::Error::Storage { .. })
}
