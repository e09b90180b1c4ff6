//! What providers answered and no commit has recorded yet.
//!
//! A commit can fail after the provider has accepted the message: the database drops connections, or its disk is full.
//! The task is then retried as a whole, and the answer is found here instead of asking the provider a second time. It
//! lives in memory: if the process dies, the message is sent again under the same reference (`ARCHITECTURE.md`
//! "Invariants", 6).

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use domain::{NotificationId, Timestamp};
use store::attempts::AttemptEnd;

use super::pending_writes::FinalOutcome;

/// Outcomes that are kept at most. Beyond it none is added, which is no worse than keeping none.
const CAPACITY: usize = 10_000;
/// Age after which an outcome makes room: another process has long recorded what became of its notification.
const MAX_AGE: Duration = Duration::from_hours(24);

/// Outcomes that wait for a commit that succeeds.
#[derive(Debug, Default)]
pub(super) struct UnrecordedOutcomes(Mutex<HashMap<NotificationId, Unrecorded>>);

#[derive(Debug)]
struct Unrecorded {
    outcome: FinalOutcome,
    attempt: Option<AttemptEnd>,
    at: Timestamp,
}

impl UnrecordedOutcomes {
    /// Keeps the outcome of a call until it is recorded.
    pub(super) fn put(&self, outcome: &FinalOutcome, attempt: Option<AttemptEnd>, now: Timestamp) {
        let mut outcomes = self.lock();
        if outcomes.len() >= CAPACITY {
            outcomes.retain(|_, one| now.since(one.at) < MAX_AGE);
        }
        if outcomes.len() < CAPACITY {
            let unrecorded = Unrecorded {
                outcome: outcome.clone(),
                attempt,
                at: now,
            };
            outcomes.insert(outcome.update.id, unrecorded);
        }
    }

    /// Returns the outcome of an earlier call for this notification, with the end of its attempt, if no commit has recorded
    /// it.
    pub(super) fn find(&self, id: NotificationId) -> Option<(FinalOutcome, Option<AttemptEnd>)> {
        let outcomes = self.lock();
        let found = outcomes.get(&id)?;
        Some((found.outcome.clone(), found.attempt.clone()))
    }

    /// Removes outcomes that are committed.
    pub(super) fn remove(&self, recorded: &[FinalOutcome]) {
        let mut outcomes = self.lock();
        for outcome in recorded {
            outcomes.remove(&outcome.update.id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<NotificationId, Unrecorded>> {
        self.0.lock().expect("no one panics holding it")
    }
}
