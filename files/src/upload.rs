use object_store::{MultipartUpload, WriteMultipart};

use crate::{Error, Key};

/// Size of the parts that a file is written in.
const PART_BYTES: usize = 5 << 20;
/// Most parts that are being written at a time, so that a large file takes little memory.
const MAX_PARTS_IN_FLIGHT: usize = 2;

/// A file that is being written. If it is dropped before it is finished, the file never exists.
#[derive(Debug)]
pub struct Upload {
    key: Key,
    writer: WriteMultipart,
}

impl Upload {
    pub(crate) fn new(key: Key, parts: Box<dyn MultipartUpload>) -> Self {
        Self {
            key,
            writer: WriteMultipart::new_with_chunk_size(parts, PART_BYTES),
        }
    }

    /// Appends bytes. Waits while the storage is slower than the caller.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.writer
            .wait_for_capacity(MAX_PARTS_IN_FLIGHT)
            .await
            .map_err(|source| Error::of_storage(&self.key, source))?;
        self.writer.write(bytes);
        Ok(())
    }

    /// Makes the file durable and visible under its key.
    pub async fn finish(self) -> Result<(), Error> {
        self.writer
            .finish()
            .await
            .map_err(|source| Error::of_storage(&self.key, source))?;
        Ok(())
    }

    /// Discards what was written.
    pub async fn abort(self) {
        // What cannot be removed now is removed later, by `Files::remove_partial_uploads` or the storage's own rule.
        let _ = self.writer.abort().await;
    }
}
