//! The storage allowance of a service (`docs/spec/public-api.md` §4): how many bytes of messages and files, of all keys, it
//! may have stored. What is accepted is counted in its transaction; this is the look at the sum before anything new is
//! accepted, at most a few seconds old.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use domain::{ServiceId, Timestamp};

use crate::{App, Service, cache::tenants};

/// How long a sum is believed. A service may store beyond its allowance what it sends in this time.
const SUM_TTL: Duration = Duration::from_secs(5);

/// A service that has stored as much as it may.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the service has stored {stored} bytes of messages and files, and may store {limit}")]
pub struct StorageExceeded {
    /// Bytes that the service may store.
    pub limit: i64,
    /// Bytes that it has stored.
    pub stored: i64,
}

/// Why nothing more is stored for a service.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Its allowance is used up.
    #[error(transparent)]
    Exceeded(#[from] StorageExceeded),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] Arc<store::Error>),
}

impl From<store::Error> for StorageError {
    fn from(error: store::Error) -> Self {
        Self::Store(Arc::new(error))
    }
}

/// Fails if a service has stored as much as it may.
pub(crate) async fn check(app: &App, service: &Service) -> Result<(), StorageError> {
    let limit = service
        .storage_limit_bytes
        .unwrap_or(app.settings.storage_limit_bytes);
    let stored = stored_bytes(app, service.id).await?;
    if stored < limit {
        return Ok(());
    }
    Err(StorageExceeded { limit, stored }.into())
}

/// Fails if the service with this id has stored as much as it may: for what administrators upload.
pub async fn check_service(app: &App, service: ServiceId) -> Result<(), StorageError> {
    match tenants::find(app, service).await? {
        Some(tenant) => check(app, &tenant.service).await,
        // The upload says that there is no such service.
        None => Ok(()),
    }
}

/// Returns how many bytes a service has stored, as of a few seconds ago.
pub async fn stored_bytes(app: &App, service: ServiceId) -> Result<i64, store::Error> {
    let now = app.clock.now();
    if let Some(bytes) = app.accept.storage_cache.get(service, now) {
        return Ok(bytes);
    }
    let find = async { store::stored_bytes::find(&mut app.read().await?, service).await };
    match app.database_gate.run(find).await {
        Ok(bytes) => {
            app.accept.storage_cache.put(service, bytes, now);
            Ok(bytes)
        }
        // What it stores meanwhile is counted once it is saved.
        Err(failure) if failure.is_transient() && app.database_gate.is_in_use() => {
            Ok(app.accept.storage_cache.last_known(service))
        }
        Err(failure) => Err(failure),
    }
}

/// The last sums that were read.
#[derive(Debug, Clone, Default)]
pub(super) struct StorageCache(Arc<Mutex<HashMap<ServiceId, (i64, Timestamp)>>>);

impl StorageCache {
    fn get(&self, service: ServiceId, now: Timestamp) -> Option<i64> {
        let sums = self.0.lock().expect("no one panics holding it");
        let (bytes, at) = *sums.get(&service)?;
        (now.since(at) < SUM_TTL).then_some(bytes)
    }

    fn last_known(&self, service: ServiceId) -> i64 {
        let sums = self.0.lock().expect("no one panics holding it");
        sums.get(&service).map_or(0, |(bytes, _)| *bytes)
    }

    fn put(&self, service: ServiceId, bytes: i64, at: Timestamp) {
        let mut sums = self.0.lock().expect("no one panics holding it");
        sums.insert(service, (bytes, at));
    }
}
