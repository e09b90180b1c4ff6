//! How often an address may be guessed. A try is taken before the address is compared, and given back if it was right,
//! so that many at once are no way around. The count is this process's own; behind several, a file has as many times
//! the tries, which is still nothing to somebody who guesses.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use domain::{DocumentId, Timestamp};

const TRIES: u32 = 5;
const WINDOW: Duration = Duration::from_mins(10);
/// Beyond so many files, those whose window has passed are forgotten.
const MANY: usize = 10_000;

/// The wrong addresses of the last minutes, for each file.
#[derive(Debug, Default)]
pub(crate) struct AttemptLimiter(Mutex<HashMap<DocumentId, (u32, Timestamp)>>);

impl AttemptLimiter {
    /// Takes a try; false if there is none left.
    pub(super) fn try_acquire(&self, id: DocumentId, now: Timestamp) -> bool {
        let mut all = self.0.lock().expect("no one panics holding it");
        if all.len() > MANY {
            all.retain(|_, (_, since)| now.since(*since) < WINDOW);
        }
        let (used, since) = all.entry(id).or_insert((0, now));
        if now.since(*since) >= WINDOW {
            (*used, *since) = (0, now);
        }
        *used += 1;
        *used <= TRIES
    }

    /// Gives a try back.
    pub(super) fn refund(&self, id: DocumentId) {
        let mut all = self.0.lock().expect("no one panics holding it");
        if let Some((used, _)) = all.get_mut(&id) {
            *used = used.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_five_tries_a_file_waits_and_others_do_not() {
        let (tries, now) = (
            AttemptLimiter::default(),
            Timestamp::from_unix_seconds(1000),
        );
        let (one, other) = (
            DocumentId::from(uuid::Uuid::nil()),
            DocumentId::from(uuid::Uuid::max()),
        );
        let taken = (0..7).filter(|_| tries.try_acquire(one, now)).count();
        assert_eq!(taken, 5);
        assert!(tries.try_acquire(other, now));
        assert!(!tries.try_acquire(one, now.plus(Duration::from_secs(599))));
        assert!(tries.try_acquire(one, now.plus(Duration::from_mins(10))));
    }

    #[test]
    fn a_try_that_is_given_back_can_be_taken_again() {
        let (tries, now) = (
            AttemptLimiter::default(),
            Timestamp::from_unix_seconds(1000),
        );
        let id = DocumentId::from(uuid::Uuid::nil());
        for _ in 0..20 {
            assert!(tries.try_acquire(id, now));
            tries.refund(id);
        }
    }
}
