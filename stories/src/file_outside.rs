//! Who deals with files outside: a service that keeps them, a scanner that knows viruses. Both hold state.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use providers::{FileService, Finding, ScanError, Scanner, Upload, UploadError};

/// Somebody else's file service, which answers every upload alike.
#[derive(Debug)]
pub struct FakeFileService {
    link: String,
    refusal: Mutex<Option<UploadError>>,
    uploads: Mutex<Vec<Upload>>,
}

impl FakeFileService {
    /// One that gives every file this link.
    pub fn with_link(link: impl Into<String>) -> Self {
        Self {
            link: link.into(),
            refusal: Mutex::default(),
            uploads: Mutex::default(),
        }
    }

    /// From now on it answers with this.
    pub fn refuses(&self, error: UploadError) {
        *self.refusal.lock().expect("nobody panics holding it") = Some(error);
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

/// A scanner that knows one virus, the word `virus`.
#[derive(Debug, Default)]
pub struct FakeScanner {
    is_away: AtomicBool,
}

impl FakeScanner {
    /// From now on it does not answer.
    pub fn goes_away(&self) {
        self.is_away.store(true, Ordering::SeqCst);
    }
}

#[async_trait]
impl Scanner for FakeScanner {
    async fn scan(&self, bytes: &[u8]) -> Result<Finding, ScanError> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(ScanError::new("nobody answers"));
        }
        let is_infected = bytes.windows(5).any(|word| word == b"virus");
        Ok(if is_infected {
            Finding::Virus
        } else {
            Finding::Clean
        })
    }
}
