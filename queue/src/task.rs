//! A claimed task, its handler, and the outcome that the handler decides.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use domain::{ServiceId, Timestamp};
use store::{Tx, tasks::LeasedTask};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// What happens to a task after its handler has returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskOutcome {
    /// The work is done. The runner deletes the task, unless the handler has completed it in its own transaction.
    Completed,
    /// The attempt failed; run it again after this delay. See [`RetryPolicy`](crate::RetryPolicy).
    Retry(Duration),
    /// Nothing failed, but the task cannot run yet; run it again at this time. Does not count as an attempt.
    Snooze(Timestamp),
    /// The task can never succeed, for this reason. It becomes a dead letter, which an operator can inspect and replay.
    Discard(String),
}

/// Handles the tasks of a pool. An implementation looks at the state first, because every task may run twice.
#[async_trait]
pub trait TaskHandler: Send + Sync + 'static {
    /// Returns how many tasks of a service a pool may have at a time, those that wait for another party included. `None`
    /// stands for all its workers but one, not counting those that wait. Asked for services that have a task.
    fn max_tasks_of(&self, pool: &str, service: ServiceId) -> Option<u32> {
        let _ = (pool, service);
        None
    }

    /// Runs one attempt of the task.
    async fn handle(&self, task: &TaskContext) -> TaskOutcome;
}

/// A task that a worker has claimed, with the state of its lease.
#[derive(Debug)]
pub struct TaskContext {
    leased: LeasedTask,
    /// When the lease expires, in microseconds; the runner moves it with each renewal, while the handler reads it.
    until: AtomicI64,
    /// Whether the handler has completed or dead-lettered the task in its own transaction.
    ended: AtomicBool,
    /// Whether the handler only waits for another party.
    waiting: AtomicBool,
    /// Tells the pool that the task has begun to wait.
    began_to_wait: Arc<Notify>,
    stop: CancellationToken,
}

impl TaskContext {
    /// Creates the context of a task that was just claimed. `stop` asks the handler to come to an end soon.
    pub fn new(leased: LeasedTask, stop: CancellationToken) -> Self {
        Self {
            until: AtomicI64::new(leased.until.unix_micros()),
            leased,
            ended: AtomicBool::new(false),
            waiting: AtomicBool::new(false),
            began_to_wait: Arc::default(),
            stop,
        }
    }

    /// Gives the task to a pool that listens to `began_to_wait`.
    pub(crate) fn in_pool(self, began_to_wait: &Arc<Notify>) -> Self {
        Self {
            began_to_wait: Arc::clone(began_to_wait),
            ..self
        }
    }

    /// Returns whether the process is about to stop: a handler whose work can be continued later begins nothing new.
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Waits until the process is about to stop.
    pub async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// Says whether the handler now only waits for another party. Meanwhile the task occupies no worker, so a handler that
    /// says so needs a limit of its own on how many of its tasks wait.
    pub fn set_waiting(&self, waiting: bool) {
        if !self.waiting.swap(waiting, Ordering::Relaxed) && waiting {
            self.began_to_wait.notify_one();
        }
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Returns the task as it was claimed.
    pub const fn leased(&self) -> &LeasedTask {
        &self.leased
    }

    /// Returns whether the lease holds at `now`. A handler that calls the outside checks this before every call: a
    /// process that was suspended for a while must not continue what another worker has taken over.
    pub fn holds_lease(&self, now: Timestamp) -> bool {
        now.unix_micros() < self.until.load(Ordering::Relaxed)
    }

    /// Completes the task in the transaction that records its result, so that both happen or neither. Returns false if
    /// the lease was lost.
    pub async fn complete(&self, tx: &mut Tx) -> Result<bool, store::Error> {
        self.ended.store(true, Ordering::Relaxed);
        store::tasks::complete(tx, self.leased.id, self.leased.lease).await
    }

    /// Leaves the task to a transaction that completes many ([`store::tasks::complete_many`]): call it once that has
    /// committed.
    pub fn set_completed(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Replaces the payload in a transaction that gives part of the task's work to other tasks. [`Self::leased`] keeps the
    /// old one. Returns false if the lease was lost.
    pub async fn replace_payload(&self, tx: &mut Tx, payload: &str) -> Result<bool, store::Error> {
        store::tasks::replace_payload(tx, self.leased.id, self.leased.lease, payload).await
    }

    /// Moves the task to the dead letters in the transaction that records the failure elsewhere. The handler must then
    /// return [`TaskOutcome::Discard`] with the same reason. Returns false if the lease was lost.
    pub async fn dead_letter(
        &self,
        tx: &mut Tx,
        why: &str,
        at: Timestamp,
    ) -> Result<bool, store::Error> {
        self.ended.store(true, Ordering::Relaxed);
        store::tasks::dead_letter(tx, self.leased.id, self.leased.lease, why, at).await
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    pub(crate) fn lease_renewed(&self, until: Timestamp) {
        self.until.store(until.unix_micros(), Ordering::Relaxed);
    }

    pub(crate) fn lease_lost(&self) {
        self.until.store(0, Ordering::Relaxed);
    }

    /// Returns the task kind without its version: the name that operators of GOV.UK Notify know it by.
    pub fn name(&self) -> &str {
        task_name(&self.leased.kind)
    }
}

/// Returns a task kind without its version.
pub(crate) fn task_name(kind: &str) -> &str {
    kind.split_once(".v").map_or(kind, |(name, _)| name)
}
