//! Daily partitions of the notifications on PostgreSQL: every process creates them ahead, whatever its roles.
//!
//! A missing partition stops nothing. Its rows go to the default partition and move when the day's own is created, so a
//! failure here is logged and counted and tried again, and never keeps a process from starting.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use domain::{Clock, Timestamp, UtcDay};
use store::Store;
use tokio_util::sync::CancellationToken;
use tracing::error;

/// Days of partitions created ahead.
const DAYS_AHEAD: i64 = 14;

/// How often a process looks whether a day is missing.
const INTERVAL: Duration = Duration::from_hours(1);

/// How soon it tries again after a failure.
const RETRY_INTERVAL: Duration = Duration::from_mins(1);

/// Creates partitions, and knows which exist. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Partitions(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    clock: Arc<dyn Clock>,
    /// Number of the day whose partition was last found or created.
    ready_day: AtomicI64,
    /// Until when [`Partitions::ensure_today`] does not try again, in microseconds.
    retry_at: AtomicI64,
}

impl Partitions {
    pub(crate) fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner {
            store,
            clock,
            ready_day: AtomicI64::new(i64::MIN),
            retry_at: AtomicI64::new(i64::MIN),
        }))
    }

    /// Creates the missing partitions from yesterday to [`DAYS_AHEAD`]. Returns whether all of them exist now; what
    /// failed has been logged and counted.
    pub(crate) async fn prepare(&self) -> bool {
        let today = self.0.clock.now().utc_day();
        let missing = match self.list_missing(today).await {
            Ok(missing) => missing,
            Err(failure) => {
                alarm(None, &failure);
                return false;
            }
        };
        let mut all = true;
        for day in missing {
            // Each day by itself: one that cannot be created must not keep the others from it.
            if let Err(failure) = self.create(day).await {
                alarm(Some(day), &failure);
                all = false;
                // The holder of the lock would delay each of the other days as well, and the statements behind them.
                if failure.is_lock_timeout() {
                    break;
                }
            }
        }
        if all {
            self.0.ready_day.store(today.number(), Ordering::Relaxed);
        }
        all
    }

    /// Creates the partition of today if this process has not seen it yet. Call it before notifications are stored, and
    /// outside a transaction. Failures are logged and counted, and not tried again for a minute.
    pub(crate) async fn ensure_today(&self) {
        let now = self.0.clock.now();
        let (today, inner) = (now.utc_day(), &self.0);
        // Different rather than later: a clock that was put right may show an earlier day than before.
        if inner.store.kind() == store::Kind::Sqlite
            || inner.ready_day.load(Ordering::Relaxed) == today.number()
            || now.unix_micros() < inner.retry_at.load(Ordering::Relaxed)
        {
            return;
        }
        match self.create(today).await {
            Ok(()) => inner.ready_day.store(today.number(), Ordering::Relaxed),
            Err(failure) => {
                alarm(Some(today), &failure);
                let retry_at: Timestamp = now.plus(RETRY_INTERVAL);
                inner
                    .retry_at
                    .store(retry_at.unix_micros(), Ordering::Relaxed);
            }
        }
    }

    /// Keeps the partitions ahead until `stop` is cancelled.
    pub(crate) async fn run(&self, stop: &CancellationToken) {
        loop {
            let interval = if self.prepare().await {
                INTERVAL
            } else {
                RETRY_INTERVAL
            };
            let slept = stop.run_until_cancelled(tokio::time::sleep(interval)).await;
            if slept.is_none() {
                return;
            }
        }
    }

    async fn list_missing(&self, today: UtcDay) -> Result<Vec<UtcDay>, store::Error> {
        let mut session = self.0.store.read().await?;
        store::partitions::list_missing(&mut session, today.plus_days(-1), DAYS_AHEAD + 1).await
    }

    async fn create(&self, day: UtcDay) -> Result<(), store::Error> {
        let mut tx = self.0.store.write().await?;
        store::partitions::create(&mut tx, day).await?;
        tx.commit().await
    }
}

fn alarm(day: Option<UtcDay>, failure: &store::Error) {
    let day = day.map_or_else(|| "the days to come".to_owned(), |day| day.to_string());
    metrics::counter!("pillarbox_partition_failures_total").increment(1);
    error!(
        error = failure as &dyn std::error::Error,
        "cannot create the partition of {day}; its notifications are stored in the default partition until it can be \
         created, will try again"
    );
}
