//! The group commit of finished callback tasks: what several tasks came to shares a transaction.

use std::sync::Arc;

use domain::TaskId;
use queue::{Enqueue as _, NewTask, PoisonMessage};
use uuid::Uuid;

use crate::group_commit::{CommitFailure, GroupCommit, GroupWriter, Infrastructure};

/// A task whose calls have ended.
#[derive(Debug)]
pub(crate) struct FinishedTask {
    pub(super) id: TaskId,
    pub(super) lease: Uuid,
    /// The tasks that continue it: retries, and what was not started.
    pub(super) follow_ups: Vec<NewTask>,
    /// Callbacks on which the program failed.
    pub(super) poisoned: Vec<PoisonMessage>,
}

/// Why a finished task was not committed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FinishError {
    #[error("too many finished tasks wait for a commit")]
    Busy,
    #[error("the store failed")]
    Store(#[source] Arc<store::Error>),
}

impl From<CommitFailure> for FinishError {
    fn from(failure: CommitFailure) -> Self {
        match failure {
            CommitFailure::Busy => Self::Busy,
            CommitFailure::Store(error) => Self::Store(error),
        }
    }
}

/// Completes tasks and enqueues those that continue them.
#[derive(Debug, Clone)]
pub(crate) struct FinishingWriter(Infrastructure);

impl FinishingWriter {
    pub(super) fn start(infrastructure: &Infrastructure) -> GroupCommit<Self> {
        GroupCommit::start(&Self(infrastructure.clone()), 1)
    }
}

impl GroupWriter for FinishingWriter {
    type Row = FinishedTask;
    type Error = FinishError;
    const ROWS: &'static str = "finished callback tasks";

    fn size_bytes(row: &FinishedTask) -> usize {
        let follow_ups = row.follow_ups.iter().map(|task| task.payload.len());
        size_of::<FinishedTask>() + follow_ups.sum::<usize>()
    }

    async fn write(
        &self,
        rows: Vec<FinishedTask>,
    ) -> Result<Vec<Option<FinishError>>, store::Error> {
        let now = self.0.clock.now();
        let count = rows.len();
        let leases: Vec<(TaskId, Uuid)> = rows.iter().map(|row| (row.id, row.lease)).collect();
        let mut tx = self.0.store.write().await?;
        let completed = store::tasks::complete_many(&mut tx, &leases).await?;
        let mut follow_ups = Vec::new();
        // If the lease was lost, another worker has the task, and these would repeat its work.
        for row in rows.into_iter().filter(|row| completed.contains(&row.id)) {
            follow_ups.extend(row.follow_ups);
            for message in &row.poisoned {
                message.dead_letter(&mut tx, now).await?;
            }
        }
        let ready: Vec<&'static str> = follow_ups
            .iter()
            .filter(|task| task.ready_at <= now)
            .map(|task| task.pool)
            .collect();
        tx.enqueue(follow_ups).await?;
        tx.commit().await?;
        for pool in ready {
            self.0.notifier.notify(pool);
        }
        Ok((0..count).map(|_| None).collect())
    }
}
