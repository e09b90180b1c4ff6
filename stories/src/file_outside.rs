//! A service outside that keeps files. It holds state.

use std::sync::Mutex;

use async_trait::async_trait;
use providers::{FileService, Upload, UploadError};

/// Somebody else's file service, which answers every upload alike.
#[derive(Debug)]
pub struct FakeFileService {
    link: String,
    refusal: Mutex<Option<UploadError>>,
    is_dreaded: Mutex<bool>,
    uploads: Mutex<Vec<Upload>>,
}

impl FakeFileService {
    /// One that gives every file this link.
    pub fn with_link(link: impl Into<String>) -> Self {
        Self {
            link: link.into(),
            refusal: Mutex::default(),
            is_dreaded: Mutex::default(),
            uploads: Mutex::default(),
        }
    }

    /// From now on it answers with this.
    pub fn refuses(&self, error: UploadError) {
        *self.refusal.lock().expect("nobody panics holding it") = Some(error);
    }

    /// Whether its client makes the program fail from now on.
    pub fn is_dreaded(&self, is_dreaded: bool) {
        *self.is_dreaded.lock().expect("nobody panics holding it") = is_dreaded;
    }

    /// Everything that it has taken.
    pub fn uploads(&self) -> Vec<Upload> {
        self.uploads
            .lock()
            .expect("nobody panics holding it")
            .clone()
    }
}

#[async_trait]
impl FileService for FakeFileService {
    async fn upload(&self, upload: &Upload) -> Result<domain::Private<String>, UploadError> {
        let is_dreaded = *self.is_dreaded.lock().expect("nobody panics holding it");
        assert!(
            !is_dreaded,
            "the client of a file service fails, as the story wants"
        );
        if let Some(error) = &*self.refusal.lock().expect("nobody panics holding it") {
            return Err(error.clone());
        }
        self.uploads
            .lock()
            .expect("nobody panics holding it")
            .push(upload.clone());
        Ok(self.link.clone().into())
    }
}
