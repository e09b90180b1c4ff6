//! Files that have to be complete before they can be read, while they arrive.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use domain::ServiceId;

/// The most memory that the files of all uploads together may use until they are read, beside one that exceeds the share
/// of its service. One is read at a time, so without a bound as many would wait in memory as there are connections.
const MAX_BYTES: usize = 80 << 20;

/// Memory for files that arrive. All clones share it. Each service may hold as much as is still free, so that one alone takes at
/// most half and the next one always finds room.
#[derive(Debug, Clone)]
pub(super) struct IncomingBudget {
    limit: usize,
    used: Arc<Mutex<Used>>,
}

#[derive(Debug, Default)]
struct Used {
    total: usize,
    /// Only services that hold something.
    by_service: BTreeMap<ServiceId, usize>,
    /// Whether a file has more than the share of its service.
    has_large_file: bool,
}

impl Default for IncomingBudget {
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
    budget: IncomingBudget,
    service: ServiceId,
    /// Bytes that are counted.
    bytes: usize,
    /// Whether it is the file that has more than that.
    is_large: bool,
}

/// Other files use up the memory.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("too many large files arrive at once")]
pub(crate) struct TooManyFiles;

impl IncomingBudget {
    /// Returns a file of a service, without content.
    pub(super) fn file(&self, service: ServiceId) -> IncomingFile {
        IncomingFile {
            bytes: Vec::new(),
            share: Share {
                budget: self.clone(),
                service,
                bytes: 0,
                is_large: false,
            },
        }
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
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
        let mut used = self.budget.used();
        let of_service = used.by_service.get(&self.service).copied();
        let (of_service, total) = (of_service.unwrap_or_default() + by, used.total + by);
        if !self.is_large && of_service <= self.budget.limit.saturating_sub(total) {
            used.total = total;
            used.by_service.insert(self.service, of_service);
            self.bytes += by;
            return true;
        }
        // One file at a time, which has its own limit: that of an upload, which an operator may have set above this one.
        if !self.is_large && used.has_large_file {
            return false;
        }
        used.has_large_file = true;
        self.is_large = true;
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut used = self.budget.used();
        used.total -= self.bytes;
        used.has_large_file &= !self.is_large;
        if let Some(of_service) = used.by_service.get_mut(&self.service) {
            *of_service -= self.bytes;
            if *of_service == 0 {
                used.by_service.remove(&self.service);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(number: u128) -> ServiceId {
        uuid::Uuid::from_u128(number).into()
    }

    fn budget() -> IncomingBudget {
        IncomingBudget {
            limit: 100,
            ..IncomingBudget::default()
        }
    }

    #[test]
    fn files_share_a_budget_and_release_it() {
        let budget = budget();
        let (mut first, mut second) = (budget.file(service(1)), budget.file(service(2)));
        first.push(&[0; 50]).unwrap();
        second.push(&[0; 25]).unwrap();
        let mut large = budget.file(service(3));
        large.push(&[0; 90]).unwrap();
        assert!(second.push(&[0; 1]).is_err(), "one file may be large");
        assert!(first.push(&[0; 1]).is_err());
        drop(second);
        let (bytes, share) = first.into_parts();
        assert_eq!(bytes.len(), 50);
        let mut next = budget.file(service(1));
        assert!(
            next.push(&[0; 1]).is_err(),
            "the first is counted until it is read"
        );
        drop(share);
        next.push(&[0; 50]).unwrap();
        drop(large);
        next.push(&[0; 500]).unwrap();
        drop(next);
        let used = budget.used();
        assert_eq!(
            (used.total, used.by_service.len(), used.has_large_file),
            (0, 0, false)
        );
    }

    #[test]
    fn a_service_leaves_room_for_the_next_one() {
        let budget = budget();
        let mut held: Vec<_> = (0..40).map(|_| budget.file(service(1))).collect();
        let taken = held.iter_mut().filter_map(|file| file.push(&[0; 10]).ok());
        // Half of the budget, and the one that is large.
        assert_eq!(taken.count(), 6);
        for (number, most) in [(2, 25), (3, 12)] {
            let mut file = budget.file(service(number));
            file.push(&vec![0; most]).unwrap();
            assert!(file.push(&[0; 5]).is_err(), "{number}");
            held.push(file);
        }
    }
}
