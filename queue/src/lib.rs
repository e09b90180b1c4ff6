//! A durable task queue: how a task waits, is claimed under a lease, retried, dead-lettered and drained. This crate
//! knows no task kind; what a task does is its [`TaskHandler`]'s part.
//!
//! # Promises
//!
//! 1. **A task is enqueued in the transaction that makes it necessary.** [`Enqueue::enqueue`] is the only way, so a
//!    committed change always has its task, and a task never refers to a change that was rolled back.
//! 2. **No transaction is open while a handler talks to the outside.** The runner holds a lease, not a lock: a slow
//!    provider blocks neither the database nor other tasks.
//! 3. **A task may run twice.** A lease can expire under a handler that is still running, so a handler looks at the
//!    state first and returns quietly if the work is done. Leases save effort; correctness must not depend on them.
//! 4. **The handler decides, the runner obeys.** A [`TaskOutcome`] says whether the task is completed, retried, snoozed
//!    or discarded; a [`RetryPolicy`] says when a retry is due.
//! 5. **A notification makes it quick, polling makes it certain.** A lost [`Notifier`] signal costs at most one
//!    [`RunnerSettings::poll_interval`].
//! 6. **Task kinds are versioned and for ever.** A kind such as `deliver_sms.v1` may still be in the queue, or among
//!    the dead letters, long after the program that wrote it has gone.
//!
//! Within a pool, lanes are served in the order priority, normal, bulk without starving any; within a lane, services
//! take turns, so that a million tasks of one service delay another service by one task.
//!
//! The adapter [`DatabaseSource`] keeps the queue in the store's tables. `conformance` (a feature) is the test suite that
//! defines an adapter.

#[cfg(feature = "conformance")]
pub mod conformance;
mod database;
mod lanes;
mod merging;
mod notifier;
mod poison;
mod pool;
mod retry;
mod runner;
mod running_tasks;
mod source;
mod task;
mod turns;

pub use database::DatabaseSource;
pub use merging::{MergedWork, TaskMerger};
pub use notifier::Notifier;
pub use poison::{PoisonMessage, catch_panic, log_crashed};
pub use pool::Pool;
pub use retry::{Delay, RetryPolicy};
pub use runner::{Runner, RunnerSettings};
pub use source::{ClaimLimits, SourceError, TaskSource};
pub use store::tasks::{LeasedTask, NewTask, SubjectRange};
pub use task::{TaskContext, TaskHandler, TaskOutcome};

/// Enqueues tasks as part of a transaction: they exist if it commits, and never existed if it does not.
pub trait Enqueue {
    /// Inserts the tasks. A task whose id is in the queue already is left as it is, so a task whose id is a function of
    /// its purpose is enqueued once, however often it is asked for.
    fn enqueue(
        &mut self,
        tasks: Vec<NewTask>,
    ) -> impl Future<Output = Result<(), store::Error>> + Send;
}

impl Enqueue for store::Tx {
    async fn enqueue(&mut self, tasks: Vec<NewTask>) -> Result<(), store::Error> {
        if tasks.is_empty() {
            return Ok(());
        }
        store::tasks::insert_many(self, &tasks).await
    }
}
