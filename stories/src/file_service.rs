//! A fake external file service.

use std::sync::Mutex;

use async_trait::async_trait;
use providers::{FileService, Upload, UploadError};

/// A file service that remembers its uploads and answers each with the same link.
#[derive(Debug)]
pub struct FakeFileService {
    link: String,
    rejection: Mutex<Option<UploadError>>,
    panics: Mutex<bool>,
    uploads: Mutex<Vec<Upload>>,
}

impl FakeFileService {
    /// Returns a service that gives every file this link.
    pub fn with_link(link: impl Into<String>) -> Self {
        Self {
            link: link.into(),
            rejection: Mutex::default(),
            panics: Mutex::default(),
            uploads: Mutex::default(),
        }
    }

    /// Makes every later upload fail with `error`.
    pub fn reject_uploads(&self, error: UploadError) {
        *self.rejection.lock().expect("the lock is not poisoned") = Some(error);
    }

    /// Sets whether later uploads panic in the client.
    pub fn set_panics(&self, panics: bool) {
        *self.panics.lock().expect("the lock is not poisoned") = panics;
    }

    /// Returns the accepted uploads in order.
    pub fn uploads(&self) -> Vec<Upload> {
        self.uploads
            .lock()
            .expect("the lock is not poisoned")
            .clone()
    }
}

#[async_trait]
impl FileService for FakeFileService {
    async fn upload(&self, upload: &Upload) -> Result<domain::Private<String>, UploadError> {
        // Copied out first: a panic while the lock is held would poison it for the rest of the story.
        let panics = *self.panics.lock().expect("the lock is not poisoned");
        assert!(!panics, "the file service's client panics as told");
        if let Some(error) = &*self.rejection.lock().expect("the lock is not poisoned") {
            return Err(error.clone());
        }
        self.uploads
            .lock()
            .expect("the lock is not poisoned")
            .push(upload.clone());
        Ok(self.link.clone().into())
    }
}
