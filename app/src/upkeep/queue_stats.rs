//! What an operator sees of the queue.

use domain::TaskId;
pub use store::tasks::{DeadLetter, Depth};

use crate::{App, tasks};

/// How the queue stands.
#[derive(Debug, Clone)]
pub struct QueueStats {
    /// Every lane that holds a task.
    pub lanes: Vec<Depth>,
    /// Tasks that were given up.
    pub dead_letters: u32,
}

/// Looks at the queue.
pub async fn read(app: &App) -> Result<QueueStats, store::Error> {
    let mut session = app.read().await?;
    Ok(QueueStats {
        lanes: store::tasks::list_depths(&mut session, app.clock.now()).await?,
        dead_letters: store::tasks::count_dead(&mut session).await?,
    })
}

/// The dead letters, newest first, at most `count`.
pub async fn list_dead(app: &App, count: u32) -> Result<Vec<DeadLetter>, store::Error> {
    store::tasks::list_dead(&mut app.read().await?, count).await
}

/// A dead letter, to be looked at.
pub async fn find_dead(app: &App, id: TaskId) -> Result<Option<DeadLetter>, store::Error> {
    store::tasks::find_dead(&mut app.read().await?, id).await
}

/// Puts a dead letter back in the queue; whether there was one.
pub async fn replay(app: &App, id: TaskId) -> Result<bool, store::Error> {
    let mut tx = app.write().await?;
    let replayed = store::tasks::replay(&mut tx, id, app.clock.now()).await?;
    let pools: Vec<&str> = tasks::POOLS.iter().map(|pool| pool.name).collect();
    app.commit_and_notify(tx, &pools).await?;
    Ok(replayed)
}
