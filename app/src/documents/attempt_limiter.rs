//! Limits how many wrong e-mail addresses can be tried per file.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use domain::{DocumentId, Timestamp};

// Counted by each process: several of them allow a small multiple, which is still useless for guessing.
const MAX_ATTEMPTS: u32 = 5;
const WINDOW: Duration = Duration::from_mins(10);
/// Number of tracked files above which expired windows are evicted.
const EVICTION_THRESHOLD: usize = 10_000;

/// Counts the wrong addresses per file in a fixed window.
#[derive(Debug, Default)]
pub(crate) struct AttemptLimiter(Mutex<HashMap<DocumentId, (u32, Timestamp)>>);

impl AttemptLimiter {
    /// Counts an attempt and returns whether it is within the limit.
    pub(super) fn try_acquire(&self, id: DocumentId, now: Timestamp) -> bool {
        let mut all = self.0.lock().expect("no one panics holding it");
        // Evict lazily: no timer is needed, and the map cannot grow without bound.
        if all.len() > EVICTION_THRESHOLD {
            all.retain(|_, (_, since)| now.since(*since) < WINDOW);
        }
        let (used, since) = all.entry(id).or_insert((0, now));
        if now.since(*since) >= WINDOW {
            (*used, *since) = (0, now);
        }
        // Count before comparing, and refund a correct address afterwards, so that concurrent requests cannot exceed
        // the limit.
        *used += 1;
        *used <= MAX_ATTEMPTS
    }

    /// Refunds the attempt of a correct address.
    pub(super) fn refund(&self, id: DocumentId) {
        let mut all = self.0.lock().expect("no one panics holding it");
        if let Some((used, _)) = all.get_mut(&id) {
            // The window may have restarted since the attempt was counted.
            *used = used.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_five_attempts_a_file_is_locked_and_others_are_not() {
        let (limiter, now) = (
            AttemptLimiter::default(),
            Timestamp::from_unix_seconds(1000),
        );
        let (one, other) = (
            DocumentId::from(uuid::Uuid::nil()),
            DocumentId::from(uuid::Uuid::max()),
        );
        let allowed = (0..7).filter(|_| limiter.try_acquire(one, now)).count();
        assert_eq!(allowed, 5);
        assert!(limiter.try_acquire(other, now));
        assert!(!limiter.try_acquire(one, now.plus(Duration::from_secs(599))));
        assert!(limiter.try_acquire(one, now.plus(Duration::from_mins(10))));
    }

    #[test]
    fn a_refunded_attempt_can_be_used_again() {
        let (limiter, now) = (
            AttemptLimiter::default(),
            Timestamp::from_unix_seconds(1000),
        );
        let id = DocumentId::from(uuid::Uuid::nil());
        for _ in 0..20 {
            assert!(limiter.try_acquire(id, now));
            limiter.refund(id);
        }
    }
}
