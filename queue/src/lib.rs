//! How a task waits, is taken, retried, given up and drained. Knows no task by name.
//!
//! What holds, whatever the adapter:
//!
//! 1. A task is enqueued inside the transaction that makes it necessary: [`Enqueue::enqueue`] is the only way.
//! 2. Whoever works on a task holds a lease and renews it. Leases save effort; correctness never depends on them, so
//!    every task may run twice and looks at the state first.
//! 3. The task decides – [`Verdict`] – and the runner obeys.
//! 4. A signal makes it quick, the periodic look makes it certain: [`Signals`].
//! 5. Lanes go priority, normal, bulk, and none starves; within a lane the services take turns, so a million tasks of
//!    one service are one place in the line.

#[cfg(feature = "conformance")]
pub mod conformance;
mod database;
mod lanes;
mod notifier;
mod poison;
mod retry;
mod runner;
mod source;

pub use database::DatabaseSource;
pub use notifier::Notifier;
pub use poison::{PoisonMessage, catch_panic};
pub use retry::{Delay, RetryPolicy};
pub use runner::{Pool, Runner, RunnerSettings, TaskContext, TaskHandler, TaskOutcome};
pub use source::{ClaimLimits, SourceError, TaskSource};
pub use store::tasks::{LeasedTask, NewTask};

/// Puts tasks in the queue as part of a transaction: if it commits they are there, if not they never were.
pub trait Enqueue {
    /// Adds the tasks.
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
        store::tasks::insert_many(self, tasks).await
    }
}
