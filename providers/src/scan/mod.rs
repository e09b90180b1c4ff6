//! Virus scanning of uploaded files: the port [`Scanner`]. An installation without a scanner has none, and records files as
//! not scanned.

mod clamd;

use async_trait::async_trait;

pub use clamd::Clamd;

use crate::Detail;

/// The result of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanResult {
    /// No virus was found.
    Clean,
    /// The file contains a virus.
    Virus,
}

/// The scanner gave no result: it is unreachable, too slow, or refuses the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the virus scanner could not say: {0}")]
pub struct ScanError(pub(crate) Detail);

impl ScanError {
    /// Creates an error with a description from our own source.
    pub fn new(words: &'static str) -> Self {
        Self(words.into())
    }
}

/// Scans files for viruses.
#[async_trait]
pub trait Scanner: std::fmt::Debug + Send + Sync {
    /// Scans a whole file.
    async fn scan(&self, bytes: &[u8]) -> Result<ScanResult, ScanError>;
}
