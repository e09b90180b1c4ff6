//! The state of the queue, for operators.

use domain::TaskId;
pub use store::tasks::{DeadLetter, Depth};

use crate::{App, tasks};

/// The state of the queue.
#[derive(Debug, Clone)]
pub struct QueueStats {
    /// Every lane that holds a task.
    pub lanes: Vec<Depth>,
    /// Tasks that were discarded.
    pub dead_letters: u32,
}

/// Reads the state of the queue.
pub async fn read(app: &App) -> Result<QueueStats, store::Error> {
    let mut session = app.read().await?;
    Ok(QueueStats {
        lanes: store::tasks::list_depths(&mut session, app.clock.now()).await?,
        dead_letters: store::tasks::count_dead_letters(&mut session).await?,
    })
}

/// Lists at most `count` dead letters, newest first.
pub async fn list_dead(app: &App, count: u32) -> Result<Vec<DeadLetter>, store::Error> {
    store::tasks::list_dead_letters(&mut app.read().await?, count).await
}

/// Finds a dead letter.
pub async fn find_dead(app: &App, id: TaskId) -> Result<Option<DeadLetter>, store::Error> {
    store::tasks::find_dead_letter(&mut app.read().await?, id).await
}

/// Enqueues a dead letter again. Returns false if there is none with this id.
pub async fn replay(app: &App, id: TaskId) -> Result<bool, store::Error> {
    let mut tx = app.write().await?;
    let replayed = store::tasks::replay(&mut tx, id, app.clock.now()).await?;
    let pools: Vec<&str> = tasks::POOLS.iter().map(|pool| pool.name).collect();
    app.commit_and_notify(tx, &pools).await?;
    Ok(replayed)
}
