//! A pool of connections. The driver's own pool sends a ping over each connection that comes back, from a task of its own:
//! as much work as a statement, for every transaction, and SQLite's single writer waits for it. Here a connection whose last
//! statement was answered comes back at once, and only one that was idle for long is asked whether it still works.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sqlx::{ConnectOptions as _, Connection};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};

/// Limit of a round trip that does no work: validating a connection, and rolling back.
pub(super) const ROUND_TRIP_LIMIT: Duration = Duration::from_secs(2);

/// Connections with the same options, at most so many. Cheap to clone.
pub(crate) struct Pool<C: Connection>(Arc<Inner<C>>);

struct Inner<C: Connection> {
    options: C::Options,
    size: u32,
    /// Limit of waiting for a connection, opening it included.
    acquire_limit: Duration,
    /// A connection that was idle for longer is validated before its use; without it, none is.
    idle_before_validation: Option<Duration>,
    /// One permit for each connection that may be open.
    permits: Arc<Semaphore>,
    /// The last one that came back is used first, so that the others can become old.
    idle: Mutex<Vec<(C, Instant)>>,
}

/// A connection that is in use. It is closed if it is dropped without [`Pooled::release`].
pub(super) struct Pooled<C: Connection> {
    pub(super) connection: C,
    pool: Arc<Inner<C>>,
    // Last, so that the connection is gone before another is opened in its place.
    permit: OwnedSemaphorePermit,
}

impl<C: Connection> Pool<C> {
    pub(super) fn new(
        options: C::Options,
        size: u32,
        acquire_limit: Duration,
        idle_before_validation: Option<Duration>,
    ) -> Self {
        let permits = Arc::new(Semaphore::new(usize::try_from(size).unwrap_or(1)));
        Self(Arc::new(Inner {
            options,
            size,
            acquire_limit,
            idle_before_validation,
            permits,
            idle: Mutex::default(),
        }))
    }

    /// Returns a connection that works, as far as one can know.
    pub(super) async fn acquire(&self) -> Result<Pooled<C>, sqlx::Error> {
        let acquired = timeout(self.0.acquire_limit, self.acquire_slowly()).await;
        acquired.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    async fn acquire_slowly(&self) -> Result<Pooled<C>, sqlx::Error> {
        let permit = self.0.permits.clone().acquire_owned().await;
        let permit = permit.map_err(|_| sqlx::Error::PoolClosed)?;
        let pooled = |connection| Pooled {
            connection,
            pool: self.0.clone(),
            permit,
        };
        loop {
            let newest = self.0.idle().pop();
            let Some((mut connection, since)) = newest else {
                break;
            };
            // The others are older still, and are validated when their turn comes.
            let limit = self.0.idle_before_validation;
            if limit.is_none_or(|limit| since.elapsed() < limit) || is_alive(&mut connection).await
            {
                return Ok(pooled(connection));
            }
            // All others have been idle for longer: what ended this one has ended them, and each would take another limit.
            self.0.idle().clear();
        }
        Ok(pooled(self.0.options.connect().await?))
    }

    /// Closes all connections after those in use have been returned.
    pub(super) async fn close(&self) {
        // Fails if it is closed already.
        let all = self.0.permits.acquire_many(self.0.size).await;
        self.0.permits.close();
        drop(all);
        let idle = std::mem::take(&mut *self.0.idle());
        for (connection, _) in idle {
            let _ = timeout(ROUND_TRIP_LIMIT, connection.close()).await;
        }
    }
}

async fn is_alive<C: Connection>(connection: &mut C) -> bool {
    let ping = timeout(ROUND_TRIP_LIMIT, connection.ping()).await;
    matches!(ping, Ok(Ok(())))
}

impl<C: Connection> Inner<C> {
    fn idle(&self) -> MutexGuard<'_, Vec<(C, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Connection> Pooled<C> {
    /// Returns the connection to the pool. The caller knows that it waits for a statement, and is in no transaction.
    pub(super) fn release(self) {
        let Self {
            connection,
            pool,
            permit,
        } = self;
        pool.idle().push((connection, Instant::now()));
        // Now, and not before, another may find it.
        drop(permit);
    }
}

impl<C: Connection> Clone for Pool<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C: Connection> fmt::Debug for Pool<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("size", &self.0.size)
            .finish_non_exhaustive()
    }
}
