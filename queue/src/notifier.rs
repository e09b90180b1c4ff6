use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::Notify;

/// Wakes the idle workers of this process when a task was enqueued. Cheap to clone.
///
/// A lost signal delays a task by at most one [`poll_interval`](crate::RunnerSettings::poll_interval), because workers
/// also poll. Tasks enqueued by other processes are found by polling alone.
#[derive(Debug, Clone, Default)]
pub struct Notifier(Arc<BTreeMap<&'static str, Notify>>);

impl Notifier {
    /// Creates a notifier for these pools.
    pub fn new(pools: impl IntoIterator<Item = &'static str>) -> Self {
        Self(Arc::new(
            pools
                .into_iter()
                .map(|pool| (pool, Notify::new()))
                .collect(),
        ))
    }

    /// Wakes a worker of this pool. Call it after the transaction that enqueued the task has committed.
    pub fn notify(&self, pool: &str) {
        if let Some(signal) = self.0.get(pool) {
            // Stored if no worker waits at this moment, so a signal between a worker's look and its wait is not lost.
            signal.notify_one();
        }
    }

    /// Wakes a worker of every pool.
    pub fn notify_all(&self) {
        self.0.values().for_each(Notify::notify_one);
    }

    /// Waits until this pool is notified; for ever if the notifier does not know the pool.
    pub(crate) async fn notified(&self, pool: &str) {
        match self.0.get(pool) {
            Some(signal) => signal.notified().await,
            None => std::future::pending().await,
        }
    }
}
