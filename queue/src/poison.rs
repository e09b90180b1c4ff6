//! What makes the program fail is set aside by itself, so that the rest of its batch goes on: each piece of a batch is
//! worked on under [`caught`], and a piece that failed leaves as a dead letter of its own.

use std::panic::AssertUnwindSafe;

use domain::Timestamp;
use futures::FutureExt as _;
use store::{Tx, tasks::NewTask};
use tracing::error;

/// Does one piece of a batch; nothing if the program failed in it. What the failure said is not kept: it may quote what
/// was worked on.
pub fn catch_panic<T>(work: impl Future<Output = T>) -> impl Future<Output = Option<T>> {
    let work = AssertUnwindSafe(Box::pin(work)).catch_unwind();
    async { work.await.ok() }
}

/// A piece of a task that cannot be worked on, as a task of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoisonMessage {
    /// What would work on it again.
    pub task: NewTask,
    /// Why it was set aside, naming what it is about. Nothing personal.
    pub why: String,
}

impl PoisonMessage {
    /// Puts it among the dead letters, as part of the transaction that leaves it out.
    pub async fn dead_letter(&self, tx: &mut Tx, at: Timestamp) -> Result<(), store::Error> {
        store::tasks::insert_dead(tx, &self.task, &self.why, at).await
    }

    /// Says so, once that is committed.
    pub fn log(&self) {
        let Self { task, why } = self;
        let (name, _) = task.kind.split_once(".v").unwrap_or((task.kind, ""));
        error!(
            service.id = %task.service_id,
            "Celery task {name} (queue: {}) failed on a piece of its batch: {why}. The rest goes on; look at the piece with \
             `pillarbox queue look {id}`, and once it is mended `pillarbox queue replay {id}`",
            task.pool,
            id = task.id
        );
        count_dead_letter(task.kind);
    }
}

/// Counts a dead letter, of whatever kind: the alerts hang on it.
pub(crate) fn count_dead_letter(kind: &str) {
    metrics::counter!("pillarbox_dead_letters_total", "kind" => kind.to_owned()).increment(1);
}
