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
    #[error("cannot list the files at `{address}`{}", operator_hint(.source))]
    List {
        /// Address of the storage.
        address: String,
        /// Error of the storage.
        #[source]
        source: object_store::Error,
    },
    /// The address of the storage is invalid, or its directory cannot be used.
    #[error(
        "cannot keep files at `{address}`: {why}; use file:<directory>, s3://<bucket> or memory:"
    )]
    Address {
        /// Address as configured.
        address: String,
        /// What is wrong with it.
        why: String,
    },
}

impl Error {
    /// Returns whether only an operator can help: the place of the files does not exist, or refuses our credentials.
    pub fn is_for_good(&self) -> bool {
        match self {
            Self::Missing(_) => false,
            Self::Address { .. } => true,
            Self::Storage { source, .. } | Self::List { source, .. } => matches!(
                source,
                object_store::Error::NotFound { .. }
                    | object_store::Error::PermissionDenied { .. }
                    | object_store::Error::Unauthenticated { .. }
            ),
        }
    }

    pub(crate) fn of_storage(key: &Key, source: object_store::Error) -> Self {
        match source {
            object_store::Error::NotFound { .. } => Self::Missing(key.clone()),
            source => Self::of_upload(key, source),
        }
    }

    /// Creates the error of an upload. What is missing then is no file that a caller could do without, but the upload, which
    /// another one has discarded, or the place that it goes to.
    pub(crate) fn of_upload(key: &Key, source: object_store::Error) -> Self {
        Self::Storage {
            key: key.clone(),
            source,
        }
    }
}

/// Returns the part of the message that tells an operator what to do, where it is known.
fn operator_hint(error: &object_store::Error) -> &'static str {
    if matches!(
        error,
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. }
    ) {
        return ": it refuses our credentials";
    }
    if matches!(error, object_store::Error::NotFound { .. }) {
        return ": its place is not there, or no longer";
    }
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
