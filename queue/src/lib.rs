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

mod aside;
#[cfg(feature = "conformance")]
pub mod conformance;
mod database;
mod lanes;
mod runner;
mod signals;
mod source;

pub use aside::{Aside, caught};
pub use database::DatabaseSource;
pub use runner::{Pool, Runner, Settings, Task, Verdict, Work};
pub use signals::Signals;
pub use source::{Room, SourceError, TaskSource};
pub use store::tasks::{NewTask, Taken};

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
