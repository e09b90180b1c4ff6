//! One [`Files`] over a directory or memory. [`keys`] lists every path that we ever write.
//!
//! What is put is durable once [`Upload::finish`] returns, and is there whole or not at all. Nothing here knows what the
//! bytes mean; what is personal is sealed by whoever puts it.

pub mod keys;
mod partial_uploads;

use std::{
    path::{Path as FsPath, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use bytes::Bytes;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use object_store::{
    ObjectStore, ObjectStoreExt as _, WriteMultipart, local::LocalFileSystem, memory::InMemory,
};

pub use keys::Key;

/// Why a file could not be put or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such file.
    #[error("there is no file {0}")]
    Missing(Key),
    /// The storage did not answer, is full, or refused.
    #[error("the file storage failed at {key}{}", because(.source))]
    Storage {
        /// The file.
        key: Key,
        /// What it said.
        #[source]
        source: object_store::Error,
    },
    /// The address makes no sense, or its directory cannot be used.
    #[error("cannot keep files at `{address}`: {why}; use file:<directory> or memory:")]
    Address {
        /// What was given.
        address: String,
        /// What is wrong with it.
        why: String,
    },
}

/// Where files are kept. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Files {
    storage: Arc<dyn ObjectStore>,
    /// Where it lies, if it is a directory.
    directory: Option<Arc<FsPath>>,
}

/// So many drafts of one file are looked for; each is of a process that stands still or was killed.
const DRAFTS: usize = 8;

/// Parts of a file are written at this size, and at most so many are on their way.
const PART_BYTES: usize = 5 << 20;
const PARTS_UNDER_WAY: usize = 2;

impl Files {
    /// Opens `file:<directory>` (made if it is not there) or `memory:`.
    pub fn open(address: &str) -> Result<Self, Error> {
        let failed = |why: String| Error::Address {
            address: address.to_owned(),
            why,
        };
        if address == "memory:" {
            return Ok(Self {
                storage: Arc::new(InMemory::new()),
                directory: None,
            });
        }
        let Some(directory) = address.strip_prefix("file:") else {
            return Err(failed("it is of no known kind".to_owned()));
        };
        std::fs::create_dir_all(FsPath::new(directory))
            .map_err(|error| failed(error.to_string()))?;
        let storage = LocalFileSystem::new_with_prefix(directory)
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self {
            storage: Arc::new(storage.with_fsync(true)),
            directory: Some(FsPath::new(directory).into()),
        })
    }

    /// Begins a file; it is there once the upload is finished.
    pub async fn create(&self, key: &Key) -> Result<Upload, Error> {
        let parts = self
            .storage
            .put_multipart(&key.path())
            .await
            .map_err(|source| storage(key, source))?;
        Ok(Upload {
            key: key.clone(),
            writer: WriteMultipart::new_with_chunk_size(parts, PART_BYTES),
        })
    }

    /// Begins a file that nobody else may write now: what somebody began who stands still will never be finished.
    pub async fn create_exclusive(&self, key: &Key) -> Result<Upload, Error> {
        // The storage gives a new draft the first name that is free, so these are of others.
        let others: Vec<_> = self.drafts(key).filter(|draft| draft.exists()).collect();
        let upload = self.create(key).await?;
        for draft in others {
            // What has gone meanwhile is in nobody's way.
            let _ = std::fs::remove_file(draft);
        }
        Ok(upload)
    }

    /// Where drafts of a file lie, as the storage names them.
    fn drafts(&self, key: &Key) -> impl Iterator<Item = PathBuf> + use<> {
        let file = self
            .directory
            .as_ref()
            .map(|directory| directory.join(key.as_str()));
        (1..=DRAFTS).filter_map(move |number| {
            let mut draft = file.clone()?.into_os_string();
            draft.push(format!("#{number}"));
            Some(draft.into())
        })
    }

    /// Removes what was begun and never finished, and not written to since `before`; how many it was. Object storage does
    /// that by a rule of its own, and memory forgets it.
    pub async fn remove_partial_uploads(&self, before: SystemTime) -> Result<u64, Error> {
        let Some(directory) = self.directory.clone() else {
            return Ok(0);
        };
        let failed = |why: String| Error::Address {
            address: format!(
                "file:{}",
                self.directory
                    .as_deref()
                    .unwrap_or(FsPath::new(""))
                    .display()
            ),
            why,
        };
        tokio::task::spawn_blocking(move || partial_uploads::remove(&directory, before))
            .await
            .map_err(|panic| failed(panic.to_string()))?
            .map_err(|error| failed(error.to_string()))
    }

    /// Reads a file as it comes.
    pub async fn read(
        &self,
        key: &Key,
    ) -> Result<impl Stream<Item = Result<Bytes, Error>> + Send + Unpin + use<>, Error> {
        let found = self
            .storage
            .get(&key.path())
            .await
            .map_err(|source| storage(key, source))?;
        let key = key.clone();
        Ok(found
            .into_stream()
            .map_err(move |source| storage(&key, source))
            .boxed())
    }

    /// Removes a file; harmless if it is not there.
    pub async fn remove(&self, key: &Key) -> Result<(), Error> {
        match self.storage.delete(&key.path()).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(storage(key, source)),
        }
    }
}

/// What an operator can do something about, in words.
fn because(error: &object_store::Error) -> &'static str {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>()
            && error.kind() == std::io::ErrorKind::StorageFull
        {
            return ": its disk is full";
        }
        cause = error.source();
    }
    ""
}

fn storage(key: &Key, source: object_store::Error) -> Error {
    match source {
        object_store::Error::NotFound { .. } => Error::Missing(key.clone()),
        source => Error::Storage {
            key: key.clone(),
            source,
        },
    }
}

/// A file that is being written. Dropped before it is finished, it never was.
#[derive(Debug)]
pub struct Upload {
    key: Key,
    writer: WriteMultipart,
}

impl Upload {
    /// Adds bytes. Waits when the storage is slower than the caller.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.writer
            .wait_for_capacity(PARTS_UNDER_WAY)
            .await
            .map_err(|source| storage(&self.key, source))?;
        self.writer.write(bytes);
        Ok(())
    }

    /// Makes the file durable under its key.
    pub async fn finish(self) -> Result<(), Error> {
        self.writer
            .finish()
            .await
            .map_err(|source| storage(&self.key, source))?;
        Ok(())
    }

    /// Forgets what was written.
    pub async fn abort(self) {
        // What cannot be removed now is removed by the storage's own rule for unfinished uploads.
        let _ = self.writer.abort().await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn read_all(files: &Files, key: &Key) -> Result<Vec<u8>, Error> {
        files
            .read(key)
            .await?
            .try_fold(Vec::new(), |mut all, part| async move {
                all.extend_from_slice(&part);
                Ok(all)
            })
            .await
    }

    /// What every kind of storage must do.
    async fn keeps_its_word(files: Files) {
        let key = Key::spreadsheet(uuid::Uuid::from_u128(1), uuid::Uuid::from_u128(2));
        assert!(matches!(
            read_all(&files, &key).await,
            Err(Error::Missing(_))
        ));

        let mut upload = files.create(&key).await.unwrap();
        upload.write(b"phone number\n").await.unwrap();
        assert!(
            matches!(read_all(&files, &key).await, Err(Error::Missing(_))),
            "not there before it is finished"
        );
        upload.write(b"07700900123\n").await.unwrap();
        upload.finish().await.unwrap();
        assert_eq!(
            read_all(&files, &key).await.unwrap(),
            b"phone number\n07700900123\n"
        );

        let mut dropped = files
            .create(&Key::spreadsheet(uuid::Uuid::nil(), uuid::Uuid::nil()))
            .await
            .unwrap();
        dropped.write(b"never").await.unwrap();
        dropped.abort().await;

        files.remove(&key).await.unwrap();
        files.remove(&key).await.unwrap();
        assert!(matches!(
            read_all(&files, &key).await,
            Err(Error::Missing(_))
        ));
    }

    #[tokio::test]
    async fn a_draft_that_another_has_left_is_never_finished_once_somebody_writes_alone() {
        let directory = tempfile::tempdir().unwrap();
        let files = Files::open(&format!("file:{}", directory.path().display())).unwrap();
        let key = Key::spreadsheet(uuid::Uuid::from_u128(1), uuid::Uuid::from_u128(2));
        let mut left = files.create(&key).await.unwrap();
        left.write(b"old").await.unwrap();
        let mut alone = files.create_exclusive(&key).await.unwrap();
        assert!(left.finish().await.is_err());
        alone.write(b"new").await.unwrap();
        alone.finish().await.unwrap();
        assert_eq!(read_all(&files, &key).await.unwrap(), b"new");
        assert_eq!(files.drafts(&key).filter(|draft| draft.exists()).count(), 0);
    }

    #[tokio::test]
    async fn what_nobody_finished_is_removed_once_it_is_old() {
        let directory = tempfile::tempdir().unwrap();
        let files = Files::open(&format!("file:{}", directory.path().display())).unwrap();
        let begun = SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 365);
        let key = |number| Key::spreadsheet(uuid::Uuid::nil(), uuid::Uuid::from_u128(number));
        let mut whole = files.create(&key(1)).await.unwrap();
        whole.write(b"whole").await.unwrap();
        whole.finish().await.unwrap();
        for number in [2, 3] {
            // As if its process had been killed.
            let left = files.create(&key(number)).await.unwrap();
            std::mem::forget(left);
        }
        for (number, age) in [(1, 48), (2, 48), (3, 1)] {
            let kept = directory.path().join(key(number).as_str());
            let draft = files.drafts(&key(number)).next().unwrap();
            let file = std::fs::File::open(if draft.exists() { draft } else { kept }).unwrap();
            file.set_modified(begun - Duration::from_hours(age))
                .unwrap();
        }
        let a_day_ago = begun - Duration::from_hours(24);
        assert_eq!(files.remove_partial_uploads(a_day_ago).await.unwrap(), 1);
        assert_eq!(read_all(&files, &key(1)).await.unwrap(), b"whole");
        assert!(
            files.drafts(&key(3)).next().unwrap().exists(),
            "somebody may still write it"
        );
        assert_eq!(files.remove_partial_uploads(begun).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_directory_keeps_files() {
        let directory = tempfile::tempdir().unwrap();
        keeps_its_word(Files::open(&format!("file:{}", directory.path().display())).unwrap()).await;
    }

    #[tokio::test]
    async fn memory_keeps_files() {
        keeps_its_word(Files::open("memory:").unwrap()).await;
    }

    #[test]
    fn an_address_of_no_known_kind_is_refused_in_words() {
        let error = Files::open("ftp://example").unwrap_err().to_string();
        assert!(error.contains("use file:<directory>"), "{error}");
    }
}
