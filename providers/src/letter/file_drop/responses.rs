//! The response files that a print shop leaves in a folder of the drop (`docs/spec/letters.md` §8.1).

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use super::target::{DropError, DropTarget, DroppedFile};
use crate::letter::{
    MAX_RESPONSE_FILE_BYTES, ResponseFile, ResponseFileEntry, ResponseFileError, ResponseFiles,
    is_response_file, response_files::has_settled,
};

/// Subfolder of the response files that have been processed.
const PROCESSED: &str = "processed";

/// The folder in which a print shop leaves its response files. Keys are names of files: what is in subfolders is not read.
pub(super) struct DropResponses {
    target: Arc<dyn DropTarget>,
    folder: String,
}

impl fmt::Debug for DropResponses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DropResponses").field(&self.folder).finish()
    }
}

impl DropResponses {
    pub(super) fn new(target: Arc<dyn DropTarget>, folder: String) -> Self {
        Self { target, folder }
    }

    /// Returns a response file as it is listed, or `None` if there is none with this key.
    async fn find(&self, key: &str) -> Result<Option<DroppedFile>, DropError> {
        // A key of an announcement can be that of another place.
        if key.contains('/') {
            return Ok(None);
        }
        let files = self.target.list(&self.folder).await?;
        Ok(files.into_iter().find(|file| file.name == key))
    }
}

#[async_trait]
impl ResponseFiles for DropResponses {
    async fn list(&self) -> Result<Vec<ResponseFileEntry>, ResponseFileError> {
        let mut files = self.target.list(&self.folder).await?;
        let is_whole =
            |file: &DroppedFile| self.target.shows_whole_files() || has_settled(file.modified());
        // Hidden files are still being written, as ours are.
        files.retain(|file| {
            !file.name.starts_with('.') && is_response_file(&file.name) && is_whole(file)
        });
        let entries = files.into_iter().map(|file| ResponseFileEntry {
            version: version_of(&file),
            key: file.name,
        });
        Ok(entries.collect())
    }

    async fn fetch(&self, key: &str) -> Result<Option<ResponseFile>, ResponseFileError> {
        // Before the content: a file that is replaced in between counts as its older version, and is read again.
        let Some(file) = self.find(key).await? else {
            return Ok(None);
        };
        if file.bytes > MAX_RESPONSE_FILE_BYTES {
            return Err(ResponseFileError::TooLong);
        }
        let fetched = self
            .target
            .fetch(&self.folder, key, MAX_RESPONSE_FILE_BYTES);
        Ok(fetched.await?.map(|contents| ResponseFile {
            contents,
            version: version_of(&file),
        }))
    }

    async fn put_aside(&self, key: &str) -> Result<(), ResponseFileError> {
        // What is in a folder was read from another place.
        if key.contains('/') {
            return Ok(());
        }
        // A later file of this name replaces the earlier one there, as it does in the counts.
        self.target.set_aside(&self.folder, key, PROCESSED).await?;
        Ok(())
    }
}

fn version_of(file: &DroppedFile) -> String {
    format!("{} {}", file.bytes, file.modified)
}

impl From<DropError> for ResponseFileError {
    fn from(error: DropError) -> Self {
        Self::Unavailable(error.into())
    }
}
