//! A cache that loads what it lacks.

use std::{fmt, hash::Hash, sync::Arc, time::Duration};

use domain::Timestamp;
use moka::sync::Cache;
use tokio::sync::OnceCell;

use crate::database_gate::DatabaseGate;

/// Values by key. An entry expires by the platform's clock, counted from the start of its load. While the database does
/// not answer, the last value is used for as long as the gate allows.
pub(super) struct LoadingCache<K, V> {
    entries: Cache<K, Arc<Entry<V>>>,
    time_to_live: Duration,
    gate: DatabaseGate,
}

/// A value that may be the answer that there is none.
pub(super) trait Cached: Clone + Send + Sync + 'static {
    /// Returns whether there is one, which is worth using when it is old: what was not there may be there by now.
    fn is_there(&self) -> bool;
}

impl<T: Send + Sync + 'static> Cached for Option<Arc<T>> {
    fn is_there(&self) -> bool {
        self.is_some()
    }
}

impl<T: Send + Sync + 'static> Cached for Arc<T> {
    fn is_there(&self) -> bool {
        true
    }
}

struct Entry<V> {
    since: Timestamp,
    /// Empty while the value is loaded. A failure is shared with those that waited for it, and with no one later.
    loaded: OnceCell<Result<V, Arc<store::Error>>>,
    /// The value before this one and the time of its load, for when this load fails.
    previous: Option<(V, Timestamp)>,
}

impl<K, V> fmt::Debug for LoadingCache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadingCache")
            .field("time_to_live", &self.time_to_live)
            .finish_non_exhaustive()
    }
}

impl<K, V> LoadingCache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Cached,
{
    pub(super) fn new(max_entries: u64, time_to_live: Duration, gate: &DatabaseGate) -> Self {
        Self {
            entries: Cache::new(max_entries),
            time_to_live,
            gate: gate.clone(),
        }
    }

    /// Returns the value of a key, or loads it. Concurrent callers share one load.
    pub(super) async fn get_or_load<L>(
        &self,
        key: K,
        now: Timestamp,
        load: impl FnOnce() -> L,
    ) -> Result<V, Arc<store::Error>>
    where
        L: Future<Output = Result<V, store::Error>>,
    {
        let found = self.entries.get(&key);
        if let Some(entry) = &found
            && !self.is_stale(entry, now)
            && let Some(loaded) = entry.loaded.get()
        {
            return loaded.clone();
        }
        let empty = || {
            Arc::new(Entry {
                since: now,
                loaded: OnceCell::new(),
                previous: found.as_deref().and_then(Entry::usable),
            })
        };
        let entry = self.entries.entry(key);
        let entry = entry.or_insert_with_if(empty, |entry| self.is_stale(entry, now));
        let entry = entry.value();
        let is_young_enough = |at: &Timestamp| now < at.plus(self.gate.max_stale());
        let usable = entry
            .previous
            .as_ref()
            .filter(|(_, at)| is_young_enough(at));
        let load = async || {
            let loaded = match usable {
                Some(_) => self.gate.run(load()).await,
                // There is nothing to do without it, so it is waited for.
                None => load().await,
            };
            loaded.map_err(Arc::new)
        };
        // Boxed, because nearly every message finds the value, and loading takes ten kilobytes of future.
        let loaded = Box::pin(entry.loaded.get_or_init(load)).await;
        match (loaded, usable) {
            (Err(error), Some((previous, _))) if error.is_transient() => Ok(previous.clone()),
            _ => loaded.clone(),
        }
    }

    fn is_stale(&self, entry: &Entry<V>, now: Timestamp) -> bool {
        now >= entry.since.plus(self.time_to_live) || matches!(entry.loaded.get(), Some(Err(_)))
    }

    /// Removes the value of a key. A load that has begun before is not seen by later callers.
    pub(super) fn invalidate(&self, key: &K) {
        self.entries.invalidate(key);
    }

    /// Removes all values.
    pub(super) fn invalidate_all(&self) {
        self.entries.invalidate_all();
    }
}

impl<V: Cached> Entry<V> {
    /// Returns the value to use if the next load fails.
    fn usable(&self) -> Option<(V, Timestamp)> {
        match self.loaded.get() {
            Some(Ok(value)) => value.is_there().then(|| (value.clone(), self.since)),
            Some(Err(_)) | None => self.previous.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures::{future::join, poll};

    use super::*;

    impl Cached for u32 {
        fn is_there(&self) -> bool {
            *self > 0
        }
    }

    const TTL: Duration = Duration::from_secs(2);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_micros(seconds * 1_000_000)
    }

    #[tokio::test]
    async fn a_value_expires_by_the_time_of_its_load() {
        let cache = LoadingCache::new(10, TTL, &DatabaseGate::default());
        let get = async |now, value: u32| cache.get_or_load(7, now, async || Ok(value)).await;
        assert_eq!(get(at(0), 1).await.unwrap(), 1);
        assert_eq!(get(at(1), 2).await.unwrap(), 1);
        assert_eq!(get(at(2), 3).await.unwrap(), 3);
        cache.invalidate(&7);
        assert_eq!(get(at(2), 4).await.unwrap(), 4);
    }

    #[tokio::test]
    async fn callers_at_once_share_a_load_and_its_failure() {
        let cache = LoadingCache::<u32, u32>::new(10, TTL, &DatabaseGate::default());
        let loads = Cell::new(0);
        let fail = || async {
            loads.set(loads.get() + 1);
            tokio::task::yield_now().await;
            Err(store::Error::Exists)
        };
        let (first, second) = join(
            cache.get_or_load(7, at(0), fail),
            cache.get_or_load(7, at(0), fail),
        )
        .await;
        assert!(first.is_err() && second.is_err());
        assert_eq!(loads.get(), 1);
        let later = cache.get_or_load(7, at(0), async || Ok(5)).await;
        assert_eq!(later.unwrap(), 5, "a failure is not kept");
    }

    #[tokio::test]
    async fn a_load_from_before_an_invalidation_is_not_kept() {
        let cache = LoadingCache::<u32, u32>::new(10, TTL, &DatabaseGate::default());
        let mut before = Box::pin(cache.get_or_load(7, at(0), async || {
            tokio::task::yield_now().await;
            Ok(1)
        }));
        assert!(poll!(&mut before).is_pending());
        cache.invalidate(&7);
        assert_eq!(before.await.unwrap(), 1);
        let after = cache.get_or_load(7, at(0), async || Ok(2)).await;
        assert_eq!(after.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_load_whose_caller_went_away_is_done_by_the_next() {
        let cache = LoadingCache::<u32, u32>::new(10, TTL, &DatabaseGate::default());
        let mut gone = Box::pin(cache.get_or_load(7, at(0), std::future::pending));
        let mut waiting = Box::pin(cache.get_or_load(7, at(0), async || Ok(2)));
        assert!(poll!(&mut gone).is_pending());
        assert!(poll!(&mut waiting).is_pending());
        drop(gone);
        assert_eq!(waiting.await.unwrap(), 2);
    }

    #[derive(Debug)]
    struct FixedClock;

    impl domain::Clock for FixedClock {
        fn now(&self) -> Timestamp {
            at(0)
        }
    }

    #[tokio::test]
    async fn an_old_value_is_used_while_the_database_does_not_answer() {
        let (patience, max_stale) = (Duration::from_mins(1), Duration::from_mins(1));
        let gate = DatabaseGate::new(Arc::new(FixedClock), patience, max_stale);
        let cache = LoadingCache::<u32, u32>::new(10, TTL, &gate);
        let fail = async || Err(store::Error::no_answer());
        assert!(cache.get_or_load(7, at(0), fail).await.is_err());
        let gate = DatabaseGate::new(Arc::new(FixedClock), patience, max_stale);
        let cache = LoadingCache::<u32, u32>::new(10, TTL, &gate);
        cache.get_or_load(7, at(0), async || Ok(1)).await.unwrap();
        cache.get_or_load(8, at(0), async || Ok(0)).await.unwrap();
        for second in [2, 30, 59] {
            assert_eq!(cache.get_or_load(7, at(second), fail).await.unwrap(), 1);
            let absent = cache.get_or_load(8, at(second), fail).await;
            assert!(absent.is_err(), "what was not there may be there by now");
        }
        assert!(cache.get_or_load(7, at(60), fail).await.is_err());
    }
}
