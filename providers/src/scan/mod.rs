//! Looking for viruses in what people upload.
//!
//! [`Scanner`] is the port. There is no scanner unless an installation has one; who asks then knows that nothing was
//! looked at, and says so in what it keeps.

use async_trait::async_trait;

use crate::Detail;

/// What a scanner says about a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// It knows nothing bad about it.
    Clean,
    /// It holds a virus.
    Virus,
}

/// The scanner could not say: it is away, was too slow, or refuses the file. Nothing is known of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the virus scanner could not say: {0}")]
pub struct ScanError(pub(crate) Detail);

impl ScanError {
    /// In our own words.
    pub fn new(words: &'static str) -> Self {
        Self(words.into())
    }
}

/// Looks for viruses.
#[async_trait]
pub trait Scanner: std::fmt::Debug + Send + Sync {
    /// Looks at a whole file.
    async fn scan(&self, bytes: &[u8]) -> Result<Finding, ScanError>;
}
