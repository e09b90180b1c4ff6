use std::io::ErrorKind;

use crate::Key;

/// Error of a file operation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file does not exist.
    #[error("there is no file {0}")]
    Missing(Key),
    /// The storage did not answer, is full, or rejected the operation.
    #[error("the file storage failed at {key}{}", operator_hint(.source))]
    Storage {
        /// Path of the file.
        key: Key,
        /// Error of the storage.
        #[source]
        source: object_store::Error,
    },
    /// The files cannot be listed.
    #[error("cannot list the files at `{address}`")]
    List {
        /// Address of the storage.
        address: String,
        /// Error of the storage.
        #[source]
        source: object_store::Error,
    },
    /// The address of the storage is invalid, or its directory cannot be used.
    #[error("cannot keep files at `{address}`: {why}; use file:<directory> or memory:")]
    Address {
        /// Address as configured.
        address: String,
        /// What is wrong with it.
        why: String,
    },
}

impl Error {
    pub(crate) fn of_storage(key: &Key, source: object_store::Error) -> Self {
        match source {
            object_store::Error::NotFound { .. } => Self::Missing(key.clone()),
            source => Self::Storage {
                key: key.clone(),
                source,
            },
        }
    }
}

/// Returns the part of the message that tells an operator what to do, where it is known.
fn operator_hint(error: &object_store::Error) -> &'static str {
    // The storage wraps the operating system's error several times.
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>()
            // The latter beyond the limit of a file's size (`ulimit -f`).
            && [ErrorKind::StorageFull, ErrorKind::FileTooLarge].contains(&error.kind())
        {
            return ": its disk is full";
        }
        cause = error.source();
    }
    ""
}
