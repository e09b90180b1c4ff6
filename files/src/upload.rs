use std::sync::Arc;

use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt as _, WriteMultipart};

use crate::{Error, Key};

/// Size of the parts that a file is written in.
const PART_BYTES: usize = 5 << 20;
/// Most parts that are being written at a time, so that a large file takes little memory.
const MAX_PARTS_IN_FLIGHT: usize = 2;

/// A file that is being written. If it is dropped before it is finished, the file never exists.
#[derive(Debug)]
pub struct Upload {
    key: Key,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Kept in memory until it is longer than a part.
    Small {
        storage: Arc<dyn ObjectStore>,
        contents: Vec<u8>,
    },
    Parts(Parts),
}

impl Upload {
    /// Begins an upload that is sent in parts only if it has more than one.
    pub(crate) const fn lazy(key: Key, storage: Arc<dyn ObjectStore>) -> Self {
        let contents = Vec::new();
        let state = State::Small { storage, contents };
        Self { key, state }
    }

    pub(crate) fn in_parts(key: Key, parts: Box<dyn MultipartUpload>) -> Self {
        let state = State::Parts(Parts::new(parts));
        Self { key, state }
    }

    /// Appends bytes. Waits while the storage is slower than the caller.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let failed = |source| Error::of_upload(&self.key, source);
        if let State::Small { storage, contents } = &mut self.state {
            if contents.len() + bytes.len() <= PART_BYTES {
                contents.extend_from_slice(bytes);
                return Ok(());
            }
            let parts = storage.put_multipart(&self.key.path()).await;
            let mut parts = Parts::new(parts.map_err(failed)?);
            parts.write(contents).await.map_err(failed)?;
            self.state = State::Parts(parts);
        }
        match &mut self.state {
            State::Parts(parts) => parts.write(bytes).await.map_err(failed),
            State::Small { .. } => Ok(()),
        }
    }

    /// Makes the file durable and visible under its key.
    pub async fn finish(self) -> Result<(), Error> {
        let finished = match self.state {
            State::Small { storage, contents } => storage
                .put(&self.key.path(), contents.into())
                .await
                .map(drop),
            State::Parts(mut parts) => match parts.0.take() {
                Some(writer) => writer.finish().await.map(drop),
                None => Ok(()),
            },
        };
        finished.map_err(|source| Error::of_upload(&self.key, source))
    }

    /// Discards what was written.
    pub async fn abort(self) {
        if let State::Parts(mut parts) = self.state
            && let Some(writer) = parts.0.take()
        {
            // What cannot be removed now is removed later, by `Files::remove_partial_uploads` or the storage's own rule.
            let _ = writer.abort().await;
        }
    }
}

/// An upload in parts, which is aborted when it is dropped. It is `None` once it has ended.
#[derive(Debug)]
struct Parts(Option<WriteMultipart>);

impl Parts {
    fn new(parts: Box<dyn MultipartUpload>) -> Self {
        Self(Some(WriteMultipart::new_with_chunk_size(parts, PART_BYTES)))
    }

    async fn write(&mut self, bytes: &[u8]) -> object_store::Result<()> {
        if let Some(writer) = &mut self.0 {
            writer.wait_for_capacity(MAX_PARTS_IN_FLIGHT).await?;
            writer.write(bytes);
        }
        Ok(())
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        // The storage would keep what was sent, and a destructor cannot wait.
        if let (Some(writer), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current())
        {
            runtime.spawn(writer.abort());
        }
    }
}
