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

use crate::{Error, Key, Upload, partial_uploads};

/// File storage. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Files {
    storage: Arc<dyn ObjectStore>,
    /// Directory of the storage; `None` if it is in memory.
    directory: Option<Arc<Path>>,
}

/// A file as [`Files::list`] found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// Path of the file.
    pub key: Key,
    /// Changes whenever the file is written again.
    pub version: String,
}

impl FileEntry {
    fn of_listed(found: ObjectMeta) -> Self {
        Self {
            key: Key::of_listed(&found.location),
            // Every storage that we open has tags; the time is the next best.
            version: found
                .e_tag
                .unwrap_or_else(|| found.last_modified.to_string()),
        }
    }
}

impl Files {
    /// Opens `file:<directory>`, which is created if it does not exist, or `memory:`.
    pub fn open(address: &str) -> Result<Self, Error> {
        if address == "memory:" {
            return Ok(Self {
                storage: Arc::new(InMemory::new()),
                directory: None,
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
            directory: Some(Path::new(directory).into()),
        })
    }

    /// Begins an upload. The file can be read once the upload is finished.
    pub async fn create(&self, key: &Key) -> Result<Upload, Error> {
        let parts = self
            .storage
            .put_multipart(&key.path())
            .await
            .map_err(|source| Error::of_storage(key, source))?;
        Ok(Upload::new(key.clone(), parts))
    }

    /// Begins an upload and discards all unfinished ones of the same file, so that a process that was suspended in the
    /// middle of one cannot finish it later.
    pub async fn create_exclusive(&self, key: &Key) -> Result<Upload, Error> {
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

    /// Returns the paths that unfinished uploads of a file may have.
    pub(crate) fn partial_uploads(&self, key: &Key) -> impl Iterator<Item = PathBuf> + use<> {
        let file = self
            .directory
            .as_ref()
            .map(|directory| directory.join(key.as_str()));
        partial_uploads::paths(file)
    }

    /// Removes unfinished uploads that were last written to before `before`, and returns how many. In memory there are
    /// none after a restart.
    pub async fn remove_partial_uploads(&self, before: SystemTime) -> Result<u64, Error> {
        let Some(directory) = self.directory.clone() else {
            return Ok(0);
        };
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
        let listed = self.storage.list(Some(&folder.path()));
        let listed = listed.map_ok(FileEntry::of_listed).try_collect().await;
        listed.map_err(|source| Error::of_storage(folder, source))
    }

    /// Returns the directory of the storage; `None` if it is in memory.
    pub fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    fn address(&self) -> String {
        match self.directory() {
            Some(directory) => format!("file:{}", directory.display()),
            None => "memory:".to_owned(),
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
