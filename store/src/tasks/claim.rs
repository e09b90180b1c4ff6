//! Claiming tasks: the statement, and the lease under which a worker holds them.

use domain::{Lane, ServiceId, TaskId, Timestamp, WorkerId};
use uuid::Uuid;

use super::{DeadLetter, KnownService, SUSPECT_AFTER, crashes};
use crate::{
    Error, Tx,
    db::{Row, args},
};

/// Terms under which a worker claims a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Unique id of this lease.
    pub token: Uuid,
    /// Worker that claims the task.
    pub worker: WorkerId,
    /// When the lease expires unless it is renewed.
    pub until: Timestamp,
}

/// Task that a worker has claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasedTask {
    /// Id of the task.
    pub id: TaskId,
    /// Token of this lease.
    pub lease: Uuid,
    /// When the lease expires unless it is renewed.
    pub until: Timestamp,
    /// Worker pool that it waited in, by its name.
    pub pool: String,
    /// Lane that it waited in.
    pub lane: Lane,
    /// Service that it belongs to; the nil id for the platform's own tasks.
    pub service_id: ServiceId,
    /// Task kind with its version.
    pub kind: String,
    /// Arguments as JSON.
    pub payload: String,
    /// Number of failed attempts before this one.
    pub attempt: u32,
    /// Number of workers that died in a row while they worked on it.
    pub crashes: u32,
    /// When it was created.
    pub created_at: Timestamp,
}

/// What a worker has claimed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claimed {
    /// Tasks to work on.
    pub tasks: Vec<LeasedTask>,
    /// Tasks that have crashed too many workers: they were moved to the dead letters.
    pub dead_letters: Vec<DeadLetter>,
    /// Whether anything was written.
    pub has_changed: bool,
}

/// Claims up to `count` ready tasks of one service, longest waiting first, of those that became ready from its
/// [`KnownService::from`] on. A task with an expired lease has lost its worker: if it has lost others before, it is
/// postponed or becomes a dead letter in place of being claimed.
pub async fn claim(
    tx: &mut Tx,
    pool: &str,
    lane: Lane,
    service: KnownService,
    lease: &Lease,
    now: Timestamp,
    count: u32,
) -> Result<Claimed, Error> {
    let sql = format!(
        // The subquery picks and locks the rows, so that concurrent workers skip them instead of waiting.
        // A suspect keeps a `ready_at` that has passed, which tells it from the tasks that are claimed.
        // The limit is no parameter: SQLite plans a statement anew whenever one is bound to a `LIMIT`.
        "UPDATE tasks SET lease = $5, worker = $6, \
           deaths = CASE WHEN lease IS NULL THEN deaths ELSE deaths + 1 END, \
           ready_at = CASE WHEN lease IS NOT NULL AND deaths + 1 >= $9 THEN $4 ELSE $7 END WHERE id IN \
           (SELECT id FROM tasks WHERE pool = $1 AND lane = $2 AND service_id = $3 AND ready_at >= $8 \
            AND ready_at <= $4 ORDER BY ready_at LIMIT {count} {}) \
         RETURNING id, pool, lane, service_id, kind, payload, attempt, deaths, ready_at, created_at",
        tx.kind().skip_locked()
    );
    let Lease {
        token,
        worker,
        until,
    } = *lease;
    let KnownService { id, from } = service;
    let args = args![
        pool,
        lane,
        id,
        now,
        token,
        worker,
        until,
        from,
        SUSPECT_AFTER
    ];
    let rows = tx.fetch_all(sql, args).await?;
    let mut claimed = Claimed {
        has_changed: !rows.is_empty(),
        ..Claimed::default()
    };
    for row in rows {
        let task = parse_leased_task(&row, lease)?;
        if row.get::<Timestamp>("ready_at")? == until {
            claimed.tasks.push(task);
            continue;
        }
        let letter = crashes::settle_crash(tx, task.id, token, task.crashes, now).await?;
        claimed.dead_letters.extend(letter);
    }
    // `RETURNING` promises no order.
    claimed.tasks.sort_by_key(|task| (task.created_at, task.id));
    Ok(claimed)
}

fn parse_leased_task(row: &Row, lease: &Lease) -> Result<LeasedTask, Error> {
    Ok(LeasedTask {
        id: row.get("id")?,
        lease: lease.token,
        until: lease.until,
        pool: row.get("pool")?,
        lane: row.parse("tasks", "lane")?,
        service_id: row.get("service_id")?,
        kind: row.get("kind")?,
        payload: row.get("payload")?,
        attempt: row.get_u32("tasks", "attempt")?,
        crashes: row.get_u32("tasks", "deaths")?,
        created_at: row.get("created_at")?,
    })
}
