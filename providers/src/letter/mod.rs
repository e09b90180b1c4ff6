//! Letters: the port [`LetterProvider`], the file drop, and print providers with an API.

mod credentials;
pub mod dvla;
pub mod file_drop;
mod response_files;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use domain::Postage;
use jiff::Timestamp;
use uuid::Uuid;

use self::file_drop::FileDrop;
use crate::{SendError, SendReceipt};

pub use credentials::{ChangingCredentials, Credentials};
pub use response_files::{
    MAX_RESPONSE_FILE_BYTES, ResponseDirectory, ResponseFile, ResponseFileEntry, ResponseFileError,
    ResponseFiles, is_response_file, is_safe_key,
};

/// A letter as a checked PDF, ready to be printed and posted (`docs/spec/letters.md` §7.2).
#[derive(Clone, PartialEq, Eq)]
pub struct Letter {
    /// The notification's id.
    pub id: Uuid,
    /// The time of this attempt.
    pub at: Timestamp,
    /// The print provider's reference of the letter: sixteen characters of A–Z and 0–9 (`docs/spec/letters.md` §1).
    pub reference: String,
    /// The service that sends it.
    pub service: Uuid,
    /// The organisation of that service, if any.
    pub organisation: Option<Uuid>,
    /// The lines of the address, the recipient's name first.
    pub address: Vec<String>,
    /// The class of postage.
    pub postage: Postage,
    /// Where the provider reports on this letter. It contains a token, so it is as secret as a password.
    pub status_url: String,
    /// The pages, as a PDF.
    pub pdf: Bytes,
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Letter")
            .field("id", &self.id)
            .field("postage", &self.postage)
            .finish_non_exhaustive()
    }
}

/// Prints and posts letters.
#[async_trait]
pub trait LetterProvider: Send + Sync {
    /// Returns the identifier of the provider's row (`dvla`), by which it is chosen, recorded and logged.
    fn name(&self) -> &str;

    /// Returns whether delivery receipts follow. If not, acceptance is final.
    fn reports_delivery(&self) -> bool;

    /// Returns how many letters can usefully be sent at the same time; at least 1.
    fn concurrency(&self) -> usize;

    /// Returns where the provider leaves response files, if it does.
    fn response_files(&self) -> Option<Arc<dyn ResponseFiles>> {
        None
    }

    /// Returns where zips of many letters can be put, for a provider that takes those; `None` for one that takes each letter by
    /// [`send`](Self::send) only.
    fn file_drop(&self) -> Option<FileDrop> {
        None
    }

    /// Returns the e-mail addresses that are told in each print run how many letters to expect.
    fn volumes_to(&self) -> Vec<String> {
        Vec::new()
    }

    /// Returns the login of a provider whose credentials the platform changes.
    fn changing_credentials(&self) -> Option<Arc<dyn ChangingCredentials>> {
        None
    }

    /// Sends one letter. Dropping the future leaves the outcome unknown.
    async fn send(&self, letter: &Letter) -> Result<SendReceipt, SendError>;
}
