use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::Notify;

/// Wakes the workers of this process when there is something for them. A signal that is lost costs a moment, not a
/// task: workers also look by themselves.
#[derive(Debug, Clone, Default)]
pub struct Notifier(Arc<BTreeMap<&'static str, Notify>>);

impl Notifier {
    /// Signals for these pools.
    pub fn new(pools: impl IntoIterator<Item = &'static str>) -> Self {
        Self(Arc::new(
            pools
                .into_iter()
                .map(|pool| (pool, Notify::new()))
                .collect(),
        ))
    }

    /// There is something for this pool.
    pub fn notify(&self, pool: &str) {
        if let Some(signal) = self.0.get(pool) {
            signal.notify_one();
        }
    }

    /// There may be something for every pool.
    pub fn notify_all(&self) {
        self.0.values().for_each(Notify::notify_one);
    }

    /// Waits until there may be something for this pool.
    pub(crate) async fn notified(&self, pool: &str) {
        match self.0.get(pool) {
            Some(signal) => signal.notified().await,
            None => std::future::pending().await,
        }
    }
}
