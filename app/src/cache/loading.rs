use std::{hash::Hash, sync::Arc};

use moka::future::Cache;

/// Returns the cached value of a key, or loads it. Concurrent callers share one load.
pub(super) async fn find_or_load<K, V, L>(
    cache: &Cache<K, V>,
    key: K,
    load: impl FnOnce() -> L,
) -> Result<V, Arc<store::Error>>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    L: Future<Output = Result<V, store::Error>>,
{
    match cache.get(&key).await {
        Some(value) => Ok(value),
        // Boxed, because nearly every message finds the value, and loading takes ten kilobytes of future.
        None => Box::pin(cache.try_get_with(key, load())).await,
    }
}
