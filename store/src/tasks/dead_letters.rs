//! Dead letters: tasks that failed and wait for an operator, who can inspect and replay them.

use domain::{Lane, ServiceId, TaskId, Timestamp};
use uuid::Uuid;

use super::{NewTask, complete};
use crate::{
    Error, Session, Tx,
    db::{ColumnType, Row, args, parameters},
};

/// Columns that a task keeps on its way to the dead letters and back.
const TASK_COLUMNS: &str =
    "id, pool, lane, service_id, kind, payload, first_subject, last_subject, created_at";

/// A task that fails again after a replay replaces its earlier dead letter.
const ON_CONFLICT: &str = "ON CONFLICT (id) DO UPDATE SET why = excluded.why, attempt = excluded.attempt, died_at = excluded.died_at";

const COLUMNS: &str =
    "id, pool, lane, service_id, kind, payload, attempt, why, created_at, died_at";

/// Task that failed and is not tried again until an operator replays it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Id of the task.
    pub id: TaskId,
    /// Worker pool that ran it.
    pub pool: String,
    /// Lane that it waited in.
    pub lane: Lane,
    /// Service that it belongs to; the nil id for the platform's own tasks.
    pub service_id: ServiceId,
    /// Task kind with its version.
    pub kind: String,
    /// Arguments as JSON.
    pub payload: String,
    /// Number of failed attempts.
    pub attempt: u32,
    /// Why it failed.
    pub why: String,
    /// When the task was created.
    pub created_at: Timestamp,
    /// When it became a dead letter.
    pub died_at: Timestamp,
}

/// Moves a task to the dead letters. Returns false if the lease was lost.
pub async fn dead_letter(
    tx: &mut Tx,
    id: TaskId,
    lease: Uuid,
    why: &str,
    at: Timestamp,
) -> Result<bool, Error> {
    let moved = tx
        .execute(
            format!(
                "INSERT INTO dead_letters ({TASK_COLUMNS}, attempt, why, died_at) \
                 SELECT {TASK_COLUMNS}, attempt, $3, $4 FROM tasks WHERE id = $1 AND lease = $2 {ON_CONFLICT}"
            ),
            args![id, lease, why, at],
        )
        .await?;
    // After the copy, and with the same condition: neither happens without the other.
    complete(tx, id, lease).await?;
    Ok(moved == 1)
}

/// Inserts a dead letter for a task that was never queued: one part of a batch that was. Repeating it replaces the
/// first.
pub async fn insert_dead_letter(
    tx: &mut Tx,
    task: &NewTask,
    why: &str,
    at: Timestamp,
) -> Result<(), Error> {
    tx.execute(
        format!(
            "INSERT INTO dead_letters ({TASK_COLUMNS}, attempt, why, died_at) \
             VALUES ({}) {ON_CONFLICT}",
            parameters(1, 12)
        ),
        args![
            task.id,
            task.pool,
            task.lane,
            task.service_id,
            task.kind,
            &*task.payload,
            task.subjects.map(|subjects| subjects.first),
            task.subjects.map(|subjects| subjects.last),
            task.created_at,
            task.attempt,
            why,
            at,
        ],
    )
    .await?;
    Ok(())
}

/// Returns which of these ids are dead letters.
pub async fn filter_dead_letters(
    session: &mut Session,
    ids: &[TaskId],
) -> Result<Vec<TaskId>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut args = Vec::new();
    let chosen = session
        .kind()
        .one_of("id", ColumnType::Id, ids.iter().copied(), &mut args);
    session
        .fetch_all(format!("SELECT id FROM dead_letters WHERE {chosen}"), args)
        .await?
        .iter()
        .map(|row| row.get("id"))
        .collect()
}

/// Returns up to `count` dead letters, newest first.
pub async fn list_dead_letters(
    session: &mut Session,
    count: u32,
) -> Result<Vec<DeadLetter>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM dead_letters ORDER BY died_at DESC, id DESC LIMIT $1");
    let found = session.fetch_all(sql, args![count]).await?;
    found.iter().map(parse_dead_letter).collect()
}

/// Returns a dead letter.
pub async fn find_dead_letter(
    session: &mut Session,
    id: TaskId,
) -> Result<Option<DeadLetter>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM dead_letters WHERE id = $1");
    let found = session.fetch_optional(sql, args![id]).await?;
    found.as_ref().map(parse_dead_letter).transpose()
}

fn parse_dead_letter(row: &Row) -> Result<DeadLetter, Error> {
    Ok(DeadLetter {
        id: row.get("id")?,
        pool: row.get("pool")?,
        lane: row.parse("dead_letters", "lane")?,
        service_id: row.get("service_id")?,
        kind: row.get("kind")?,
        payload: row.get("payload")?,
        attempt: row.get_u32("dead_letters", "attempt")?,
        why: row.get("why")?,
        created_at: row.get("created_at")?,
        died_at: row.get("died_at")?,
    })
}

/// Moves a dead letter back to the queue as a new task. Returns whether there was one.
pub async fn replay(tx: &mut Tx, id: TaskId, at: Timestamp) -> Result<bool, Error> {
    let inserted = tx
        .execute(
            format!(
                // The attempts start again, because an operator has fixed the cause.
                "INSERT INTO tasks ({TASK_COLUMNS}, attempt, ready_at) \
                 SELECT {TASK_COLUMNS}, 0, $2 FROM dead_letters WHERE id = $1 ON CONFLICT DO NOTHING"
            ),
            args![id, at],
        )
        .await?;
    tx.execute("DELETE FROM dead_letters WHERE id = $1", args![id])
        .await?;
    Ok(inserted == 1)
}

/// Returns the number of dead letters.
pub async fn count_dead_letters(session: &mut Session) -> Result<u32, Error> {
    let row = session
        .fetch_optional("SELECT count(*) AS number FROM dead_letters", args![])
        .await?;
    row.map_or(Ok(0), |row| row.get_u32("dead_letters", "number"))
}
