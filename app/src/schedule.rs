//! What happens by the clock. The clock only enqueues, in UTC; twice at once is harmless, for a task's id is a function
//! of what it is and when; missing a minute is harmless, for every task looks at what there is to do.

use std::time::Duration;

use domain::Timestamp;
use queue::{Enqueue as _, Verdict};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{App, tasks};

/// A task that the clock fires.
#[derive(Debug, Clone, Copy)]
struct Entry {
    kind: &'static str,
    /// Every so many minutes, counted from midnight UTC.
    every_minutes: i64,
}

/// The schedule.
const TABLE: &[Entry] = &[
    // The reference looks every quarter of an hour; a job here starts in the minute it asks for.
    Entry {
        kind: tasks::RUN_SCHEDULED_JOBS,
        every_minutes: 1,
    },
    Entry {
        kind: tasks::PREPARE_PARTITIONS,
        every_minutes: 60,
    },
    Entry {
        kind: tasks::REMOVE_IDEMPOTENCY_KEYS,
        every_minutes: 15,
    },
];

/// How many days of partitions are made ahead.
const DAYS_AHEAD: i64 = 14;

/// Fires what is due, minute by minute, until `stop`.
pub async fn run(app: &App, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let minute = this_minute(app.clock.now());
        if let Err(fault) = fire(app, minute).await {
            warn!(
                error = &fault as &dyn std::error::Error,
                "the clock cannot enqueue, will try again"
            );
        }
        let next = minute.plus(Duration::from_mins(1));
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(next.since(app.clock.now()).max(Duration::from_millis(50))) => {}
        }
    }
}

/// Enqueues what is due in this minute.
pub async fn fire(app: &App, minute: Timestamp) -> Result<(), store::Error> {
    let number = minute.unix_seconds().div_euclid(60);
    let due = TABLE
        .iter()
        .filter(|entry| number.rem_euclid(entry.every_minutes) == 0);
    let tasks = due
        .map(|entry| tasks::periodic(entry.kind, minute))
        .collect();
    let mut tx = app.write().await?;
    tx.enqueue(tasks).await?;
    app.commit_and_wake(tx, &[tasks::PERIODIC]).await
}

/// The moment at which the minute of `now` began.
pub fn this_minute(now: Timestamp) -> Timestamp {
    Timestamp::from_unix_seconds(now.unix_seconds().div_euclid(60) * 60)
}

/// Makes the days that messages will fall into, on a database that keeps days apart.
pub async fn prepare_partitions(app: &App) -> Verdict {
    match make_days(app).await {
        Ok(()) => Verdict::Done,
        Err(fault) => {
            warn!(
                error = &fault as &dyn std::error::Error,
                "cannot prepare the days to come, will try again"
            );
            Verdict::Retry(Duration::from_mins(1))
        }
    }
}

pub(crate) async fn make_days(app: &App) -> Result<(), store::Error> {
    let mut tx = app.write().await?;
    let today = app.clock.now().utc_day();
    store::partitions::prepare(&mut tx, today.plus_days(-1), DAYS_AHEAD + 1).await?;
    tx.commit().await
}
