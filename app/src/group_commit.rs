//! Group commit: everything that arrives while the last commit runs shares the next one.
//!
//! There is no timer. A writer takes all rows that wait, commits them in one transaction, answers every caller, and
//! repeats. What waits is limited in number and in bytes; beyond the limit a caller is told so at once.

use std::{fmt, future::Future, sync::Arc};

use domain::{Clock, RandomSource};
use queue::{Notifier, catch_panic};
use store::Store;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tracing::error;

use crate::{database_gate::DatabaseGate, partitions::Partitions};

/// Rows that may wait for a commit.
const QUEUE_CAPACITY: usize = 4096;
/// Bytes that may wait for a commit, so that a few large rows fill the queue as well as many small ones.
const QUEUE_CAPACITY_BYTES: usize = 64 << 20;
/// Rows that share a commit.
const MAX_COMMIT_ROWS: usize = 512;

/// What every writer needs to commit rows and to wake the workers of their tasks. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Infrastructure {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn RandomSource>,
    pub(crate) notifier: Notifier,
    pub(crate) partitions: Partitions,
    pub(crate) database_gate: DatabaseGate,
}

/// Commits rows, many in one transaction.
pub(crate) trait GroupWriter: Clone + Send + Sync + 'static {
    type Row: Send;
    type Error: From<CommitFailure> + Send;
    /// What the rows are called in the log.
    const ROWS: &'static str;

    /// Returns how many bytes a row takes while it waits.
    fn size_bytes(row: &Self::Row) -> usize;

    /// Commits rows in one transaction, and returns for each, in order, why it was rejected if it was. An error means
    /// that none of them was committed.
    fn write(
        &self,
        rows: Vec<Self::Row>,
    ) -> impl Future<Output = Result<Vec<Option<Self::Error>>, store::Error>> + Send;
}

/// Why a row was not committed, whatever it is.
#[derive(Debug, Clone)]
pub(crate) enum CommitFailure {
    /// Too many rows wait already, or the program failed on the commit.
    Busy,
    /// The store failed.
    Store(Arc<store::Error>),
}

/// A queue of rows in front of its writers.
pub(crate) struct GroupCommit<W: GroupWriter> {
    sender: mpsc::Sender<QueuedRow<W>>,
    /// One permit for each byte that may wait.
    byte_budget: Arc<Semaphore>,
}

impl<W: GroupWriter> fmt::Debug for GroupCommit<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupCommit")
            .field("rows", &W::ROWS)
            .finish_non_exhaustive()
    }
}

struct QueuedRow<W: GroupWriter> {
    row: W::Row,
    answer: oneshot::Sender<Result<(), W::Error>>,
    permit: OwnedSemaphorePermit,
}

impl<W: GroupWriter> GroupCommit<W> {
    /// Starts as many writers as may commit at once. Must be called inside a runtime.
    pub(crate) fn start(writer: &W, writers: usize) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE_CAPACITY);
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..writers {
            tokio::spawn(run(writer.clone(), receiver.clone()));
        }
        Self {
            sender,
            byte_budget: Arc::new(Semaphore::new(QUEUE_CAPACITY_BYTES)),
        }
    }

    /// Commits a row with others; when this returns, it is durable. Fails at once if too many rows wait.
    pub(crate) async fn commit(&self, row: W::Row) -> Result<(), W::Error> {
        // A row that is larger than the whole budget takes all of it instead of waiting for ever.
        let size = W::size_bytes(&row).min(QUEUE_CAPACITY_BYTES);
        let size = u32::try_from(size).expect("the budget is smaller");
        let permit = self.byte_budget.clone().try_acquire_many_owned(size);
        let permit = permit.map_err(|_| CommitFailure::Busy)?;
        let (answer, answered) = oneshot::channel();
        let queued = QueuedRow {
            row,
            answer,
            permit,
        };
        let sent = self.sender.try_send(queued);
        sent.map_err(|_| CommitFailure::Busy)?;
        // The answer is dropped only if the program failed on the commit: trying again is right.
        answered
            .await
            .unwrap_or_else(|_| Err(CommitFailure::Busy.into()))
    }
}

async fn run<W: GroupWriter>(writer: W, receiver: Arc<Mutex<mpsc::Receiver<QueuedRow<W>>>>) {
    loop {
        let mut queued = Vec::with_capacity(MAX_COMMIT_ROWS);
        // The lock is released before the commit, so that the next writer gathers meanwhile.
        let count = receiver
            .lock()
            .await
            .recv_many(&mut queued, MAX_COMMIT_ROWS)
            .await;
        if count == 0 {
            return;
        }
        // The callers of a commit that panicked see their answers dropped; the writer goes on with the next rows.
        if catch_panic(commit_all(&writer, queued)).await.is_none() {
            error!(
                "the program failed on a commit of {count} {}: their callers are told to try again",
                W::ROWS
            );
        }
    }
}

async fn commit_all<W: GroupWriter>(writer: &W, queued: Vec<QueuedRow<W>>) {
    let mut rows = Vec::with_capacity(queued.len());
    let mut answers = Vec::with_capacity(queued.len());
    // Bytes are released when the commit is over, not when it begins.
    let mut permits = Vec::with_capacity(queued.len());
    for QueuedRow {
        row,
        answer,
        permit,
    } in queued
    {
        rows.push(row);
        answers.push(answer);
        permits.push(permit);
    }
    match writer.write(rows).await {
        Ok(rejections) => {
            for (answer, rejection) in answers.into_iter().zip(rejections) {
                // A caller that has gone away does not see it; its row is committed all the same.
                let _ = answer.send(rejection.map_or(Ok(()), Err));
            }
        }
        Err(error) => {
            error!(
                error = &error as &dyn std::error::Error,
                "cannot commit {} {}, their callers are told to try again; look at the database",
                answers.len(),
                W::ROWS
            );
            let failure = CommitFailure::Store(Arc::new(error));
            for answer in answers {
                let _ = answer.send(Err(failure.clone().into()));
            }
        }
    }
}
