//! A file drop in a bucket of Amazon S3, or of a server that behaves like it.
//!
//! An object is there whole or not at all, so nothing is written under another name first.

use async_trait::async_trait;
use bytes::Bytes;
use files::s3::Bucket;
use object_store::{
    Error, GetOptions, ObjectMeta, ObjectStore as _, ObjectStoreExt as _, path::Path,
};

use super::target::{DropError, DropTarget, DroppedFile, check_name};

/// A bucket. Folders are written as paths with a slash in front, as on the other targets.
#[derive(Debug)]
pub(super) struct InBucket(Bucket);

impl InBucket {
    /// Creates a target over a whole bucket.
    pub(super) const fn new(bucket: Bucket) -> Self {
        Self(bucket)
    }

    async fn find(&self, path: &Path) -> Result<Option<ObjectMeta>, DropError> {
        present(self.0.storage().head(path).await)
    }
}

#[async_trait]
impl DropTarget for InBucket {
    async fn put(&self, folder: &str, name: &str, contents: Bytes) -> Result<(), DropError> {
        check_name(name)?;
        let path = join(folder, name);
        let found = self.find(&path).await?;
        if found.is_some_and(|file| file.size == contents.len() as u64) {
            return Ok(());
        }
        self.0
            .storage()
            .put(&path, contents.into())
            .await
            .map_err(|error| drop_error(&error))?;
        Ok(())
    }

    async fn list(&self, folder: &str) -> Result<Vec<DroppedFile>, DropError> {
        let folder = Path::from(folder);
        let listed = self.0.storage().list_with_delimiter(Some(&folder)).await;
        let listed = listed.map_err(|error| drop_error(&error))?;
        let files = listed.objects.into_iter().filter_map(|file| {
            Some(DroppedFile {
                name: file.location.filename()?.to_owned(),
                bytes: file.size,
                modified: u64::try_from(file.last_modified.timestamp()).unwrap_or_default(),
            })
        });
        Ok(files.collect())
    }

    async fn fetch(
        &self,
        folder: &str,
        name: &str,
        max_bytes: u64,
    ) -> Result<Option<Bytes>, DropError> {
        check_name(name)?;
        let path = join(folder, name);
        let storage = self.0.storage();
        let opened = storage.get_opts(&path, GetOptions::default()).await;
        let Some(file) = present(opened)? else {
            return Ok(None);
        };
        if file.meta.size > max_bytes {
            return Err(DropError::new("a file there is longer than is read"));
        }
        let contents = file.bytes().await.map_err(|error| drop_error(&error))?;
        Ok(Some(contents))
    }

    async fn set_aside(&self, folder: &str, name: &str, subfolder: &str) -> Result<(), DropError> {
        check_name(name)?;
        let from = join(folder, name);
        let to = Path::from(format!("{folder}/{subfolder}/{name}"));
        let storage = self.0.storage();
        // Copied first: stopped in between, it is in both places, and is set aside again.
        if present(storage.copy(&from, &to).await)?.is_some() {
            present(storage.delete(&from).await)?;
        }
        Ok(())
    }

    fn shows_whole_files(&self) -> bool {
        true
    }
}

fn join(folder: &str, name: &str) -> Path {
    Path::from(format!("{folder}/{name}"))
}

/// Makes `None` of a file that does not exist. A bucket that does not exist is noticed when a file is put or listed.
fn present<T>(found: object_store::Result<T>) -> Result<Option<T>, DropError> {
    match found {
        Ok(value) => Ok(Some(value)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(drop_error(&error)),
    }
}

/// Says what failed, in words that are safe to log.
fn drop_error(error: &Error) -> DropError {
    DropError::new(match error {
        Error::NotFound { .. } => "its bucket does not exist",
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => "permission denied",
        _ => "the server of its bucket did not answer, or failed",
    })
}
