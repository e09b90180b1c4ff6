//! An external file service that stores files sent by e-mail instead of our own store (`docs/spec/public-api.md` §9.2).

mod http;

use async_trait::async_trait;
use domain::Private;
use uuid::Uuid;

pub use http::{HttpFileService, HttpFileServiceSettings};

use crate::Detail;

/// A file for a recipient to download, as the service sent it.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The service that sends it.
    pub service_id: Uuid,
    /// The content, in base64.
    pub document: Private<String>,
    /// Whether the sender declares it to be CSV.
    pub is_csv: bool,
    /// The e-mail address that the recipient must confirm, if any.
    pub confirmation_email: Option<Private<String>>,
    /// How long it is kept, as the sender wrote it (`26 weeks`).
    pub retention_period: Option<String>,
    /// The file name.
    pub filename: Option<Private<String>>,
}

/// Why a file was not stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    /// The file service refuses the file: a virus, its type or size. Holds the service's own message, for the sender.
    #[error("the file service refuses the file")]
    Refused(String),
    /// The file service cannot be reached, or fails. The file may or may not be stored; its link is not known.
    #[error("the file service failed: {0}")]
    Failed(Detail),
}

/// Stores files for recipients to download.
#[async_trait]
pub trait FileService: std::fmt::Debug + Send + Sync {
    /// Stores a file and returns the link for its recipient.
    async fn upload(&self, upload: &Upload) -> Result<Private<String>, UploadError>;
}
