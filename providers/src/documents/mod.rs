//! A file service of somebody else's, to which files go instead of into our own store (`docs/spec/public-api.md` §9.2).

mod http;

use async_trait::async_trait;
use domain::Private;
use uuid::Uuid;

pub use http::{HttpFileService, HttpFileServiceSettings};

use crate::Detail;

/// A file to be put where its recipient can download it, as the service sent it.
#[derive(Debug, Clone)]
pub struct Upload {
    /// Whose file it is.
    pub service_id: Uuid,
    /// The bytes, base64.
    pub document: Private<String>,
    /// The sender says that it is CSV.
    pub is_csv: bool,
    /// The address that the recipient must confirm, if one must be.
    pub confirmation_email: Option<Private<String>>,
    /// For how long, in the sender's words.
    pub retention_period: Option<String>,
    /// What the file is called.
    pub filename: Option<Private<String>>,
}

/// Why a file was not put there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    /// The service will not have this file: a virus, a type it does not take, too large. Its own words, for the sender.
    #[error("the file service refuses the file")]
    Refused(String),
    /// It could not be spoken to, or failed. The file may or may not be there; nobody has its link.
    #[error("the file service failed: {0}")]
    Failed(Detail),
}

/// Puts files where recipients can download them.
#[async_trait]
pub trait FileService: std::fmt::Debug + Send + Sync {
    /// Puts a file there; the link for its recipient.
    async fn upload(&self, upload: &Upload) -> Result<Private<String>, UploadError>;
}
