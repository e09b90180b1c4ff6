//! Files that have to be complete before they can be read, while they arrive.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;

/// The most memory that the files of all uploads together may use until they are read: one of the largest and many of
/// usual size. One is read at a time, so without a bound as many would wait in memory as there are connections.
const MAX_BYTES: usize = 80 << 20;

/// Memory for files that arrive. All clones share it.
#[derive(Debug, Clone)]
pub(super) struct IntakeBudget {
    limit: usize,
    used: Arc<AtomicUsize>,
}

impl Default for IntakeBudget {
    fn default() -> Self {
        Self {
            limit: MAX_BYTES,
            used: Arc::default(),
        }
    }
}

/// A file that arrives piece by piece. Its bytes are counted until it is dropped.
#[derive(Debug)]
pub(crate) struct IncomingFile {
    bytes: Vec<u8>,
    share: Share,
}

/// Part of the budget.
#[derive(Debug)]
pub(super) struct Share {
    budget: IntakeBudget,
    bytes: usize,
}

/// Other files use up the memory.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("too many large files arrive at once")]
pub(crate) struct TooManyFiles;

impl IntakeBudget {
    /// Returns a file without content.
    pub(super) fn file(&self) -> IncomingFile {
        IncomingFile {
            bytes: Vec::new(),
            share: Share {
                budget: self.clone(),
                bytes: 0,
            },
        }
    }
}

impl IncomingFile {
    /// Appends a piece. Fails if other files use up the memory.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<(), TooManyFiles> {
        // Reserved as bytes arrive, not by the announced length: an upload that stands still uses no more than it sent.
        if !self.share.grow(piece.len()) {
            return Err(TooManyFiles);
        }
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    /// Returns the content, and what must be kept until it is no longer used.
    pub(super) fn into_parts(self) -> (Bytes, Share) {
        (self.bytes.into(), self.share)
    }
}

impl Share {
    fn grow(&mut self, by: usize) -> bool {
        // Relaxed: the counter guards an amount and publishes no other memory.
        let before = self.budget.used.fetch_add(by, Ordering::Relaxed);
        let is_alone = before == self.bytes;
        self.bytes += by;
        // A file that is alone has its own limit, which an operator may have set above this one.
        is_alone || before + by <= self.budget.limit
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_share_a_budget_and_release_it() {
        let budget = IntakeBudget {
            limit: 100,
            ..IntakeBudget::default()
        };
        let (mut first, mut second) = (budget.file(), budget.file());
        first.push(&[0; 60]).unwrap();
        second.push(&[0; 40]).unwrap();
        assert!(second.push(&[0; 1]).is_err());
        drop(second);
        let (bytes, share) = first.into_parts();
        assert_eq!(bytes.len(), 60);
        assert!(
            budget.file().push(&[0; 50]).is_err(),
            "the first is counted until it is read"
        );
        drop(share);
        budget.file().push(&[0; 100]).unwrap();
        assert_eq!(budget.used.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_file_that_is_alone_has_room() {
        let budget = IntakeBudget {
            limit: 100,
            ..IntakeBudget::default()
        };
        let mut large = budget.file();
        large.push(&[0; 80]).unwrap();
        large.push(&[0; 80]).unwrap();
        assert!(budget.file().push(&[0; 1]).is_err());
    }
}
