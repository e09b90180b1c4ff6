use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use bytes::Bytes;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use object_store::{
    ObjectMeta, ObjectStore, ObjectStoreExt as _, local::LocalFileSystem, memory::InMemory,
};

use crate::{Error, Key, Upload, partial_uploads, s3::Bucket};

/// File storage. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Files {
    storage: Arc<dyn ObjectStore>,
    place: Place,
}

/// Where the files are.
#[derive(Debug, Clone)]
enum Place {
    Memory,
    Directory(Arc<Path>),
    Bucket(Bucket),
}

/// A file as [`Files::list`] found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// Path of the file.
    pub key: Key,
    /// Changes whenever the file is written again.
    pub version: String,
    /// When it was last written.
    pub modified: SystemTime,
}

impl FileEntry {
    fn of_listed(found: ObjectMeta) -> Self {
        Self {
            key: Key::of_listed(&found.location),
            modified: found.last_modified.into(),
            // Every storage that we open has tags; the time is the next best.
            version: found
                .e_tag
                .unwrap_or_else(|| found.last_modified.to_string()),
        }
    }
}

impl Files {
    /// Opens `file:<directory>`, which is created if it does not exist, or `memory:`. A bucket takes more than an address: see
    /// [`Files::in_bucket`].
    pub fn open(address: &str) -> Result<Self, Error> {
        if address == "memory:" {
            return Ok(Self {
                storage: Arc::new(InMemory::new()),
                place: Place::Memory,
            });
        }
        let invalid = |why: String| Error::Address {
            address: address.to_owned(),
            why,
        };
        let Some(directory) = address.strip_prefix("file:") else {
            return Err(invalid("it is of no known kind".to_owned()));
        };
        std::fs::create_dir_all(directory).map_err(|error| invalid(error.to_string()))?;
        let storage = LocalFileSystem::new_with_prefix(directory)
            .map_err(|error| invalid(error.to_string()))?;
        Ok(Self {
            // Without it a power failure could leave an empty file behind an acknowledged upload.
            storage: Arc::new(storage.with_fsync(true)),
            place: Place::Directory(Path::new(directory).into()),
        })
    }

    /// Opens a bucket, or a folder in it. Nothing is sent yet: see [`Files::check`].
    pub fn in_bucket(bucket: Bucket) -> Self {
        Self {
            storage: Arc::new(bucket.storage()),
            place: Place::Bucket(bucket),
        }
    }

    /// Asks whether the storage can be used.
    pub async fn check(&self) -> Result<(), Error> {
        let checked = match &self.place {
            Place::Bucket(bucket) => bucket.check().await,
            Place::Memory | Place::Directory(_) => {
                let first = self.storage.list(None).next().await;
                first.transpose().map(drop)
            }
        };
        checked.map_err(|source| Error::List {
            address: self.address(),
            source,
        })
    }

    /// Begins an upload. The file can be read once the upload is finished.
    pub async fn create(&self, key: &Key) -> Result<Upload, Error> {
        match self.place {
            // Most files are small, and one request is a third of what an upload in parts takes.
            Place::Bucket(_) => Ok(Upload::lazy(key.clone(), Arc::clone(&self.storage))),
            Place::Memory | Place::Directory(_) => self.create_in_parts(key).await,
        }
    }

    async fn create_in_parts(&self, key: &Key) -> Result<Upload, Error> {
        let parts = self
            .storage
            .put_multipart(&key.path())
            .await
            .map_err(|source| Error::of_upload(key, source))?;
        Ok(Upload::in_parts(key.clone(), parts))
    }

    /// Begins an upload and discards all unfinished ones of the same file that began in this way, so that a process that was
    /// suspended in the middle of one cannot finish it later.
    pub async fn create_exclusive(&self, key: &Key) -> Result<Upload, Error> {
        match &self.place {
            Place::Memory => self.create(key).await,
            Place::Directory(_) => {
                // The storage gives a new upload the first free name, so those that exist now are of others.
                let others: Vec<_> = self
                    .partial_uploads(key)
                    .filter(|path| path.exists())
                    .collect();
                let upload = self.create(key).await?;
                for path in others {
                    // One that has gone meanwhile needs no removing.
                    let _ = std::fs::remove_file(path);
                }
                Ok(upload)
            }
            Place::Bucket(bucket) => {
                let failed = |source| Error::of_upload(key, source);
                let others = bucket.unfinished_uploads_of(key.as_str()).await;
                // In parts from the beginning: what is sent in one request could not be discarded by another process.
                let upload = self.create_in_parts(key).await?;
                for other in others.map_err(failed)? {
                    bucket.abort_upload(&other).await.map_err(failed)?;
                }
                Ok(upload)
            }
        }
    }

    /// Returns the paths that unfinished uploads of a file in a directory may have.
    pub(crate) fn partial_uploads(&self, key: &Key) -> impl Iterator<Item = PathBuf> + use<> {
        partial_uploads::paths(
            self.directory()
                .map(|directory| directory.join(key.as_str())),
        )
    }

    /// Removes unfinished uploads that were last written to before `before`, or in a bucket were begun before it, and returns
    /// how many. In memory there are none after a restart.
    pub async fn remove_partial_uploads(&self, before: SystemTime) -> Result<u64, Error> {
        match &self.place {
            Place::Memory => Ok(0),
            Place::Directory(directory) => {
                self.remove_partial_files(Arc::clone(directory), before)
                    .await
            }
            Place::Bucket(bucket) => {
                let failed = |source| Error::List {
                    address: self.address(),
                    source,
                };
                let mut removed = 0;
                for upload in bucket.unfinished_uploads().await.map_err(failed)? {
                    if upload.began_before(before)
                        && bucket.abort_upload(&upload).await.map_err(failed)?
                    {
                        removed += 1;
                    }
                }
                Ok(removed)
            }
        }
    }

    async fn remove_partial_files(
        &self,
        directory: Arc<Path>,
        before: SystemTime,
    ) -> Result<u64, Error> {
        let address = self.address();
        let failed = |why: String| Error::Address { address, why };
        // Walking a large directory takes long and would block the other tasks of the runtime.
        match tokio::task::spawn_blocking(move || partial_uploads::remove(&directory, before)).await
        {
            Ok(Ok(removed)) => Ok(removed),
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(panic) => Err(failed(panic.to_string())),
        }
    }

    /// Returns the contents of a file as a stream.
    pub async fn read(
        &self,
        key: &Key,
    ) -> Result<impl Stream<Item = Result<Bytes, Error>> + Send + Unpin + use<>, Error> {
        let found = self
            .storage
            .get(&key.path())
            .await
            .map_err(|source| Error::of_storage(key, source))?;
        let key = key.clone();
        Ok(found
            .into_stream()
            .map_err(move |source| Error::of_storage(&key, source))
            .boxed())
    }

    /// Returns all finished files.
    pub async fn list(&self) -> Result<Vec<FileEntry>, Error> {
        let failed = |source| Error::List {
            address: self.address(),
            source,
        };
        let listed = self.storage.list(None).map_ok(FileEntry::of_listed);
        listed.try_collect().await.map_err(failed)
    }

    /// Returns all finished files in a folder and the folders in it. A folder that does not exist is empty.
    pub async fn list_under(&self, folder: &Key) -> Result<Vec<FileEntry>, Error> {
        self.stream_under(folder).try_collect().await
    }

    /// Does the same as [`Files::list_under`], one file after the other: for folders that may have millions.
    pub fn stream_under(
        &self,
        folder: &Key,
    ) -> impl Stream<Item = Result<FileEntry, Error>> + Send + Unpin + use<> {
        let listed = self.storage.list(Some(&folder.path()));
        let folder = folder.clone();
        listed
            .map_ok(FileEntry::of_listed)
            .map_err(move |source| Error::of_storage(&folder, source))
            .boxed()
    }

    /// Returns whether a file exists, without reading it.
    pub async fn exists(&self, key: &Key) -> Result<bool, Error> {
        match self.storage.head(&key.path()).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(source) => Err(Error::of_storage(key, source)),
        }
    }

    /// Returns the directory of the storage; `None` if it is in memory or in a bucket.
    pub fn directory(&self) -> Option<&Path> {
        match &self.place {
            Place::Directory(directory) => Some(directory),
            Place::Memory | Place::Bucket(_) => None,
        }
    }

    /// Returns the address of the storage.
    pub fn address(&self) -> String {
        match &self.place {
            Place::Memory => "memory:".to_owned(),
            Place::Directory(directory) => format!("file:{}", directory.display()),
            Place::Bucket(bucket) => bucket.address().to_string(),
        }
    }

    /// Removes a file. Does nothing if it does not exist.
    pub async fn remove(&self, key: &Key) -> Result<(), Error> {
        match self.storage.delete(&key.path()).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(Error::of_storage(key, source)),
        }
    }
}
