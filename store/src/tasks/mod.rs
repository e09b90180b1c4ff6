//! The tasks of the queue and the dead letters. What a task means is not known here; running tasks is the `queue`
//! crate's part.
//!
//! A claimed task stays in its row, with `ready_at` set to the end of its lease: after a worker has crashed nothing
//! needs to be returned, the task is simply ready again. Completing, releasing or dead-lettering a task names the
//! lease, so that a worker whose lease was lost changes nothing.

mod claim;
mod crashes;
mod dead_letters;
mod merge;
mod ready;
mod subjects;

use std::collections::BTreeSet;

use domain::{Lane, ServiceId, TaskId, Timestamp};
use uuid::Uuid;

use crate::{
    Error, Session, Tx,
    db::{ColumnType, Table, args, columns},
};

pub use claim::{Claimed, Lease, LeasedTask, claim};
pub use crashes::{MAX_CRASHES, Reclaimed, SUSPECT_AFTER, reclaim, set_crashes};
pub use dead_letters::{
    DeadLetter, count_dead_letters, dead_letter, filter_dead_letters, find_dead_letter,
    insert_dead_letter, list_dead_letters, replay,
};
pub use merge::{WaitingTask, list_like, merge};
pub use ready::{
    KnownService, list_lanes, list_oldest_ready, list_ready_services, list_unknown_services,
};
pub use subjects::{SubjectRange, list_by_job_rows, list_by_subject, list_named_between};

/// Task to insert into the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTask {
    /// Id; generated ids sort by time.
    pub id: TaskId,
    /// Worker pool that runs it.
    pub pool: &'static str,
    /// Lane that it waits in.
    pub lane: Lane,
    /// Service in whose round-robin turn it runs; the nil id for the platform's own tasks.
    pub service_id: ServiceId,
    /// Task kind with its version, for example `deliver_sms.v1`.
    pub kind: &'static str,
    /// Arguments as JSON, without personal data.
    pub payload: String,
    /// Range of the ids that the payload names, if the task must be found by one of them.
    pub subjects: Option<SubjectRange>,
    /// Number of failed attempts so far; 0 for a new task.
    pub attempt: u32,
    /// Earliest time at which it may be claimed.
    pub ready_at: Timestamp,
    /// When it was created.
    pub created_at: Timestamp,
}

/// Most tasks that one statement completes.
const MAX_COMPLETED: usize = 128;

static TABLE: Table<NewTask> = Table::new(
    "tasks",
    columns![task =>
        id: Id = task.id,
        pool: Text = task.pool,
        lane: Text = task.lane,
        service_id: Id = task.service_id,
        kind: Text = task.kind,
        payload: Text = &*task.payload,
        first_subject: Id = task.subjects.map(|subjects| subjects.first),
        last_subject: Id = task.subjects.map(|subjects| subjects.last),
        attempt: Int = task.attempt,
        ready_at: Time = task.ready_at,
        created_at: Time = task.created_at,
    ],
);

/// Inserts tasks. A task whose id is in the queue already is left as it is.
pub async fn insert_many(tx: &mut Tx, tasks: &[NewTask]) -> Result<(), Error> {
    tx.insert_rows(&TABLE, tasks).await?;
    Ok(())
}

/// Returns whether a task with this id is in the queue: waiting, delayed or running.
pub async fn exists(session: &mut Session, id: TaskId) -> Result<bool, Error> {
    let row = session
        .fetch_optional("SELECT 1 AS one FROM tasks WHERE id = $1", args![id])
        .await?;
    Ok(row.is_some())
}

/// Prevents these tasks from being claimed until the transaction ends. Returns, for each that still exists, whether
/// a worker holds a lease on it.
pub async fn lock(
    tx: &mut Tx,
    ids: &[TaskId],
    now: Timestamp,
) -> Result<Vec<(TaskId, bool)>, Error> {
    let mut held = Vec::with_capacity(ids.len());
    for id in ids {
        let sql = format!(
            "SELECT lease, ready_at FROM tasks WHERE id = $1 {}",
            tx.kind().for_update()
        );
        // One by one in the caller's order: two callers that lock the same tasks then cannot deadlock.
        if let Some(row) = tx.fetch_optional(sql, args![*id]).await? {
            let lease: Option<Uuid> = row.get("lease")?;
            let until: Timestamp = row.get("ready_at")?;
            // An expired lease has no holder, although the row still names one.
            held.push((*id, lease.is_some() && until > now));
        }
    }
    Ok(held)
}

/// Extends a lease to `until`. Returns false if the lease was lost.
pub async fn renew(tx: &mut Tx, id: TaskId, lease: Uuid, until: Timestamp) -> Result<bool, Error> {
    let changed = tx
        .execute(
            // Not progress: a task that fills the memory renews its lease until there is none left.
            "UPDATE tasks SET ready_at = $3 WHERE id = $1 AND lease = $2",
            args![id, lease, until],
        )
        .await?;
    Ok(changed == 1)
}

/// Resets the crash count of a task that is getting on, because it is not the cause of its workers' crashes.
pub async fn record_progress(tx: &mut Tx, id: TaskId, lease: Uuid) -> Result<(), Error> {
    tx.execute(
        // Most tasks never crashed a worker, and get no write.
        "UPDATE tasks SET deaths = 0 WHERE id = $1 AND lease = $2 AND deaths > 0",
        args![id, lease],
    )
    .await?;
    Ok(())
}

/// Replaces the payload of a claimed task by one that names fewer subjects. Returns false if the lease was lost.
pub async fn replace_payload(
    tx: &mut Tx,
    id: TaskId,
    lease: Uuid,
    payload: &str,
) -> Result<bool, Error> {
    let changed = tx
        .execute(
            // The range of subjects stays: it is only too wide, and the payload decides.
            "UPDATE tasks SET payload = $3, deaths = 0 WHERE id = $1 AND lease = $2",
            args![id, lease, payload],
        )
        .await?;
    Ok(changed == 1)
}

/// Deletes a completed task. Returns false if the lease was lost.
pub async fn complete(tx: &mut Tx, id: TaskId, lease: Uuid) -> Result<bool, Error> {
    Ok(tx
        .execute(
            "DELETE FROM tasks WHERE id = $1 AND lease = $2",
            args![id, lease],
        )
        .await?
        == 1)
}

/// Deletes completed tasks, each with its lease. Returns those whose lease was still held.
pub async fn complete_many(
    tx: &mut Tx,
    tasks: &[(TaskId, Uuid)],
) -> Result<BTreeSet<TaskId>, Error> {
    let mut completed = BTreeSet::new();
    for some in tasks.chunks(MAX_COMPLETED) {
        let mut args = Vec::new();
        let pairs = some
            .iter()
            .map(|(id, lease)| [(*id).into(), (*lease).into()]);
        let rows = tx
            .kind()
            .rows([ColumnType::Id, ColumnType::Id], pairs, &mut args);
        let sql = format!("DELETE FROM tasks WHERE (id, lease) IN ({rows}) RETURNING id");
        for row in tx.fetch_all(sql, args).await? {
            completed.insert(row.get("id")?);
        }
    }
    Ok(completed)
}

/// Releases a task, to be claimed again from `ready_at` on with `attempt` failed attempts. Returns false if the
/// lease was lost.
pub async fn release(
    tx: &mut Tx,
    id: TaskId,
    lease: Uuid,
    ready_at: Timestamp,
    attempt: u32,
) -> Result<bool, Error> {
    let changed = tx
        .execute(
            "UPDATE tasks SET lease = NULL, worker = NULL, ready_at = $3, attempt = $4, deaths = 0 \
             WHERE id = $1 AND lease = $2",
            args![id, lease, ready_at, attempt],
        )
        .await?;
    Ok(changed == 1)
}

/// Number of tasks in a lane of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Depth {
    /// Worker pool, by its name.
    pub pool: String,
    /// Lane within the pool.
    pub lane: Lane,
    /// Tasks in the lane: waiting, delayed or running.
    pub tasks: u32,
    /// Since when the longest waiting ready task has been ready.
    pub oldest_ready: Option<Timestamp>,
}

/// Returns the depth of every lane that holds a task.
pub async fn list_depths(session: &mut Session, now: Timestamp) -> Result<Vec<Depth>, Error> {
    session.allow_long_statements();
    session
        .fetch_all(
            "SELECT pool, lane, count(*) AS number, min(CASE WHEN ready_at <= $1 THEN ready_at END) AS oldest \
             FROM tasks GROUP BY pool, lane ORDER BY pool, lane",
            args![now],
        )
        .await?
        .iter()
        .map(|row| {
            Ok(Depth {
                pool: row.get("pool")?,
                lane: row.parse("tasks", "lane")?,
                tasks: row.get_u32("tasks", "number")?,
                oldest_ready: row.get("oldest")?,
            })
        })
        .collect()
}

/// Tasks of one service in a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceBacklog {
    /// Service that they belong to.
    pub service_id: ServiceId,
    /// Tasks: waiting, delayed or running.
    pub tasks: u32,
    /// Since when the longest waiting ready task has been ready.
    pub oldest_ready: Option<Timestamp>,
}

/// Returns the `count` services that have the most tasks in a pool.
pub async fn list_service_backlogs(
    session: &mut Session,
    pool: &str,
    now: Timestamp,
    count: u32,
) -> Result<Vec<ServiceBacklog>, Error> {
    session.allow_long_statements();
    session
        .fetch_all(
            "SELECT service_id, count(*) AS number, min(CASE WHEN ready_at <= $2 THEN ready_at END) AS oldest \
             FROM tasks WHERE pool = $1 GROUP BY service_id ORDER BY number DESC, service_id LIMIT $3",
            args![pool, now, count],
        )
        .await?
        .iter()
        .map(|row| {
            Ok(ServiceBacklog {
                service_id: row.get("service_id")?,
                tasks: row.get_u32("tasks", "number")?,
                oldest_ready: row.get("oldest")?,
            })
        })
        .collect()
}
