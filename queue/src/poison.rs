//! Poison messages: parts of a batch that make the program panic. Each part of a batch runs under [`catch_panic`], and
//! one that panics leaves the batch as a dead letter of its own, so that the rest is processed.

use std::panic::AssertUnwindSafe;

use domain::Timestamp;
use futures::FutureExt as _;
use store::{
    Tx,
    tasks::{DeadLetter, NewTask},
};
use tracing::error;

use crate::task::task_name;

/// Runs one part of a batch and returns its result, or `None` if it panicked.
pub fn catch_panic<T>(work: impl Future<Output = T>) -> impl Future<Output = Option<T>> {
    let work = AssertUnwindSafe(Box::pin(work)).catch_unwind();
    // The panic's message is dropped: it may quote the personal data that the program was working on.
    async { work.await.ok() }
}

/// A part of a task that makes the program panic, as a task of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoisonMessage {
    /// Task that would process the part alone.
    pub task: NewTask,
    /// Why it was set aside, with the id of what it is about and without personal data.
    pub why: String,
}

impl PoisonMessage {
    /// Inserts it into the dead letters, in the transaction that removes it from its batch.
    pub async fn dead_letter(&self, tx: &mut Tx, at: Timestamp) -> Result<(), store::Error> {
        store::tasks::insert_dead_letter(tx, &self.task, &self.why, at).await
    }

    /// Logs and counts it. Call it after the transaction has committed.
    pub fn log(&self) {
        let Self { task, why } = self;
        error!(
            service.id = %task.service_id,
            "Celery task {name} (queue: {}) failed on a piece of its batch: {why}. The rest goes on; look at the piece with \
             `pillarbox queue look {id}`, and once it is mended `pillarbox queue replay {id}`",
            task.pool,
            name = task_name(task.kind),
            id = task.id
        );
        count_dead_letter(task.kind);
    }
}

/// Logs and counts a task that became a dead letter because its workers died. Call it after the transaction has committed.
pub fn log_crashed(letter: &DeadLetter) {
    error!(
        service.id = %letter.service_id,
        "Celery task {name} (queue: {}) failed: {}; it is not tried again: look at it with `pillarbox queue look {id}`, \
         and once the cause is fixed `pillarbox queue replay {id}`",
        letter.pool,
        letter.why,
        name = task_name(&letter.kind),
        id = letter.id
    );
    count_dead_letter(&letter.kind);
}

/// Counts a dead letter of any kind; operators' alerts watch this metric.
pub(crate) fn count_dead_letter(kind: &str) {
    metrics::counter!("pillarbox_dead_letters_total", "kind" => kind.to_owned()).increment(1);
}
