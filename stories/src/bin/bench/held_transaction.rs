//! The queue while somebody holds a transaction open, as a report, a dump or a forgotten session does: on PostgreSQL no
//! vacuum can then remove what was claimed and completed meanwhile.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use domain::{Clock as _, Lane, RandomSource, ServiceId, TaskId, Timestamp};
use queue::{ClaimLimits, DatabaseSource, Enqueue as _, NewTask, TaskSource};
use sqlx::{Connection as _, postgres::PgConnection};
use store::{Keyring, Store};
use uuid::Uuid;

use crate::{
    databases::{Backend, Fresh},
    options::Options,
    platform::{RealClock, RealEntropy},
    results::{Measured, Results},
};

const POOL: &str = "bench";
const SERVICES: u128 = 5;
/// Workers of the pool, and tasks that are in the queue from the beginning to the end.
const WORKERS: u32 = 4;
const STANDING: usize = 200;
const LEASE: Duration = Duration::from_secs(30);
/// Length of the intervals that are compared: the last before the transaction began, and the last before it ended.
const INTERVAL: Duration = Duration::from_secs(20);

pub(crate) async fn measure(
    options: &Options,
    backend: &Backend,
    results: &mut Results,
) -> Result<()> {
    // SQLite waits for no vacuum.
    if matches!(backend, Backend::Sqlite { .. }) {
        return Ok(());
    }
    let fresh = backend.fresh().await?;
    let queue = BusyQueue::prepare(&fresh).await?;
    queue.run(INTERVAL).await?;
    let free = queue.run(INTERVAL).await?;
    let mut other = PgConnection::connect(&fresh.location.database).await?;
    let mut held = sqlx::Connection::begin(&mut other).await?;
    for statement in [
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "SELECT count(*) FROM tasks",
    ] {
        sqlx::raw_sql(statement).execute(&mut *held).await?;
    }
    let begun = RealClock.now();
    let end = begun.plus(Duration::from_secs(options.held_seconds));
    let mut last = queue.run(INTERVAL).await?;
    while RealClock.now() < end {
        last = queue.run(INTERVAL).await?;
        eprintln!(
            "held for {:.0} s: {:.0} tasks/s, {:.0} before",
            RealClock.now().since(begun).as_secs_f64(),
            per_second(last),
            per_second(free)
        );
    }
    held.rollback().await?;
    queue.store.close().await;
    fresh.remove().await?;
    let change = (per_second(last) / per_second(free) - 1.0) * 100.0;
    for (what, count, note) in [
        ("no transaction held", free, String::new()),
        ("a transaction held", last, format!("{change:+.0}%")),
    ] {
        results.add(&Measured {
            database: backend.name(),
            part: "held transaction",
            what: what.to_owned(),
            note,
            ..Measured::alone(count, INTERVAL)
        });
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a rate")]
fn per_second(count: u64) -> f64 {
    count as f64 / INTERVAL.as_secs_f64()
}

/// A queue from which tasks are claimed and completed, each followed by a new one.
struct BusyQueue {
    store: Store,
    source: DatabaseSource,
    entropy: Arc<dyn RandomSource>,
}

impl BusyQueue {
    async fn prepare(fresh: &Fresh) -> Result<Self> {
        let entropy: Arc<dyn RandomSource> = Arc::new(RealEntropy);
        let keyring = Keyring::from_text(&Keyring::new_key_line(1, &*entropy), entropy.clone())?;
        let store = Store::connect(&fresh.location.database, 16, keyring).await?;
        store.migrate().await?;
        let queue = Self {
            source: DatabaseSource::new(store.clone(), Arc::new(RealClock), entropy.clone()),
            store,
            entropy,
        };
        for number in 0..STANDING {
            let service = Uuid::from_u128(1 + number as u128 % SERVICES);
            queue.enqueue(service.into()).await?;
        }
        Ok(queue)
    }

    /// Works for this long and returns how many tasks were completed.
    async fn run(&self, time: Duration) -> Result<u64> {
        let end = RealClock.now().plus(time);
        let mut completed = 0;
        while RealClock.now() < end {
            // One claim for all workers at once, as a pool does whose tasks take equally long.
            let limits = ClaimLimits::uniform(WORKERS);
            let tasks = self.source.claim(POOL, WORKERS, &limits, LEASE).await?;
            let work = tasks.iter().map(async |task| {
                self.source.complete(task).await?;
                self.enqueue(task.service_id).await
            });
            for done in futures::future::join_all(work).await {
                done?;
                completed += 1;
            }
        }
        Ok(completed)
    }

    async fn enqueue(&self, service: ServiceId) -> Result<()> {
        let now: Timestamp = RealClock.now();
        let task = NewTask {
            id: TaskId::generate(now, &*self.entropy),
            pool: POOL,
            lane: Lane::Normal,
            service_id: service,
            kind: "bench.v1",
            payload: "{}".to_owned(),
            subjects: None,
            attempt: 0,
            ready_at: now,
            created_at: now,
        };
        let mut tx = self.store.write().await?;
        tx.enqueue(vec![task]).await?;
        Ok(tx.commit().await?)
    }
}
