//! Letters: the port, and those who print and post for us.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use domain::Postage;
use jiff::Timestamp;
use uuid::Uuid;

use crate::{Handed, SendError};

/// A letter, made up as a PDF and checked, ready to be printed and posted (letters, section 7.2).
#[derive(Clone, PartialEq, Eq)]
pub struct Letter {
    /// Our notification id.
    pub id: Uuid,
    /// When this hand-over takes place.
    pub at: Timestamp,
    /// The name the print provider knows the letter by: sixteen characters of A–Z and 0–9 (letters, section 1).
    pub reference: String,
    /// The service it is from.
    pub service: Uuid,
    /// The organisation that service belongs to, if any.
    pub organisation: Option<Uuid>,
    /// The lines of the address, the recipient's name first.
    pub address: Vec<String>,
    /// How it travels.
    pub postage: Postage,
    /// The pages.
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

/// Someone who prints and posts letters for us.
#[async_trait]
pub trait LetterProvider: Send + Sync {
    /// The identifier of the provider's row (`dvla`), by which it is chosen, recorded and logged.
    fn name(&self) -> &str;

    /// Whether it tells us later what became of a letter. If not, acceptance is the last we hear.
    fn reports_delivery(&self) -> bool;

    /// How many letters it can usefully be given at the same time; at least one.
    fn concurrency(&self) -> usize;

    /// Hands over one letter. Dropping the future may leave the hand-over unknown.
    async fn send(&self, letter: &Letter) -> Result<Handed, SendError>;
}
