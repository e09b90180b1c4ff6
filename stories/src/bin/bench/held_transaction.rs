//! The queue while a transaction is held open, as by a report, a dump or a forgotten session: on PostgreSQL no
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
    platform::{RealClock, SystemRandom},
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
    queue.run(&fresh).await?;
    let free = queue.run(&fresh).await?;
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
    let mut last = queue.run(&fresh).await?;
    while RealClock.now() < end {
        last = queue.run(&fresh).await?;
        eprintln!(
            "held for {:.0} s: {}; before: {}",
            RealClock.now().since(begun).as_secs_f64(),
            last.describe(),
            free.describe()
        );
    }
    held.rollback().await?;
    queue.store.close().await;
    fresh.remove().await?;
    for (what, interval, note) in [
        ("no transaction held", free, String::new()),
        ("a transaction held", last, last.change_since(free)),
    ] {
        results.add(&Measured {
            database: backend.name(),
            part: "held transaction",
            what: what.to_owned(),
            note,
            ..Measured::alone(interval.completed, INTERVAL)
        });
    }
    Ok(())
}

/// What was done in an interval.
#[derive(Debug, Clone, Copy)]
struct Interval {
    completed: u64,
    /// Processor time of the database server; `None` if it is on another machine.
    server_seconds: Option<f64>,
}

#[expect(clippy::cast_precision_loss, reason = "rates")]
impl Interval {
    fn per_second(self) -> f64 {
        self.completed as f64 / INTERVAL.as_secs_f64()
    }

    /// Processor time of the server for a task: unlike the rate, it does not depend on what else the machine does.
    fn server_micros(self) -> Option<f64> {
        let seconds = self.server_seconds?;
        Some(seconds * 1e6 / self.completed.max(1) as f64)
    }

    fn describe(self) -> String {
        let micros = self.server_micros();
        let micros =
            micros.map_or_else(String::new, |it| format!(", {it:.0} µs of the server each"));
        format!("{:.0} tasks/s{micros}", self.per_second())
    }

    fn change_since(self, free: Self) -> String {
        let percent = |now: f64, before: f64| (now / before - 1.0) * 100.0;
        let rate = percent(self.per_second(), free.per_second());
        let micros = self.server_micros().zip(free.server_micros());
        let micros = micros.map_or_else(String::new, |(now, before)| {
            format!(", {:+.0}% of the server's time each", percent(now, before))
        });
        format!("{rate:+.0}%{micros}")
    }
}

/// A queue from which tasks are claimed and completed, each followed by a new one.
struct BusyQueue {
    store: Store,
    source: DatabaseSource,
    random: Arc<dyn RandomSource>,
}

impl BusyQueue {
    async fn prepare(fresh: &Fresh) -> Result<Self> {
        let random: Arc<dyn RandomSource> = Arc::new(SystemRandom);
        let keyring = Keyring::from_text(&Keyring::new_key_line(1, &*random), random.clone())?;
        let store = Store::connect(&fresh.location.database, 16, keyring).await?;
        store.migrate().await?;
        let queue = Self {
            source: DatabaseSource::new(store.clone(), Arc::new(RealClock), random.clone()),
            store,
            random,
        };
        for number in 0..STANDING {
            let service = Uuid::from_u128(1 + number as u128 % SERVICES);
            queue.enqueue(service.into()).await?;
        }
        Ok(queue)
    }

    /// Works for an interval.
    async fn run(&self, fresh: &Fresh) -> Result<Interval> {
        let before = fresh.server_processor_seconds().await?;
        let end = RealClock.now().plus(INTERVAL);
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
        let after = fresh.server_processor_seconds().await?;
        Ok(Interval {
            completed,
            server_seconds: before.zip(after).map(|(before, after)| after - before),
        })
    }

    async fn enqueue(&self, service: ServiceId) -> Result<()> {
        let now: Timestamp = RealClock.now();
        let task = NewTask {
            id: TaskId::generate(now, &*self.random),
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
