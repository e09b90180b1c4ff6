//! Tasks that wait, are taken, and die. What a task means is not known here; how it is worked on is `queue`'s.
//!
//! A task that is taken stays in its place with `ready_at` moved to the end of the lease: a worker that dies has
//! nothing to give back. Whoever ends, delays or buries a task names the lease, so that a lease that was lost changes
//! nothing.

use domain::{JobOrigin, Lane, ServiceId, TaskId, Timestamp, WorkerId};
use uuid::Uuid;

use crate::{
    Error, Session, Tx,
    db::{Arg, ColumnType, Row, Table, args, parameters},
};

/// A task to put in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTask {
    /// Sorts by time.
    pub id: TaskId,
    /// The workers that take it.
    pub pool: &'static str,
    /// Where it waits.
    pub lane: Lane,
    /// Whose turn it uses; the nil id for the platform's own work.
    pub service_id: ServiceId,
    /// What it is, with its version.
    pub kind: &'static str,
    /// What it is about, as JSON. Nothing personal.
    pub payload: String,
    /// How often it was tried before: 0 for new work.
    pub attempt: u32,
    /// From when it may be taken.
    pub ready_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a worker takes a task under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Of this lease alone.
    pub token: Uuid,
    /// Who takes it.
    pub worker: WorkerId,
    /// When it ends unless it is renewed.
    pub until: Timestamp,
}

/// A task that somebody has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasedTask {
    /// Which.
    pub id: TaskId,
    /// The token of this lease.
    pub lease: Uuid,
    /// When the lease ends unless it is renewed.
    pub until: Timestamp,
    /// Where it waited.
    pub lane: Lane,
    /// Whose.
    pub service_id: ServiceId,
    /// What it is, with its version.
    pub kind: String,
    /// What it is about, as JSON.
    pub payload: String,
    /// How often it was tried before.
    pub attempt: u32,
    /// When it was made.
    pub created_at: Timestamp,
}

static TABLE: Table = Table::new(
    "tasks",
    &[
        ("id", ColumnType::Id),
        ("pool", ColumnType::Text),
        ("lane", ColumnType::Text),
        ("service_id", ColumnType::Id),
        ("kind", ColumnType::Text),
        ("payload", ColumnType::Text),
        ("attempt", ColumnType::Int),
        ("ready_at", ColumnType::Time),
        ("created_at", ColumnType::Time),
    ],
);

/// Puts tasks in the queue.
pub async fn insert_many(tx: &mut Tx, tasks: Vec<NewTask>) -> Result<(), Error> {
    let rows: Vec<Vec<_>> = tasks
        .into_iter()
        .map(|task| {
            args![
                task.id,
                task.pool,
                task.lane,
                task.service_id,
                task.kind,
                task.payload,
                task.attempt,
                task.ready_at,
                task.created_at,
            ]
        })
        .collect();
    tx.insert_rows(&TABLE, rows.iter().map(Vec::as_slice))
        .await?;
    Ok(())
}

/// Whether a task with this id is in the queue: waiting, delayed or being worked on.
pub async fn exists(session: &mut Session, id: TaskId) -> Result<bool, Error> {
    let row = session
        .fetch_optional("SELECT 1 AS one FROM tasks WHERE id = $1", args![id])
        .await?;
    Ok(row.is_some())
}

/// Whether these workers have anything of this service in the queue: waiting, delayed or being worked on.
pub async fn has_any(session: &mut Session, pool: &str, service: ServiceId) -> Result<bool, Error> {
    for lane in Lane::ALL {
        let row = session
            .fetch_optional(
                "SELECT 1 AS one FROM tasks WHERE pool = $1 AND lane = $2 AND service_id = $3 LIMIT 1",
                args![pool, *lane, service],
            )
            .await?;
        if row.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The services that have a task ready in this pool and lane, from `from` on in the order of their ids, at most
/// `count`. Each step of the walk is one look into the index, however many tasks a service has.
pub async fn list_ready_services(
    session: &mut Session,
    pool: &str,
    lane: Lane,
    from: ServiceId,
    now: Timestamp,
    count: u32,
) -> Result<Vec<ServiceId>, Error> {
    session
        .fetch_all(
            "WITH RECURSIVE turn (service_id) AS ( \
               SELECT * FROM (SELECT service_id FROM tasks WHERE pool = $1 AND lane = $2 AND service_id >= $3 \
                              ORDER BY service_id LIMIT 1) AS first \
               UNION ALL \
               SELECT (SELECT t.service_id FROM tasks t WHERE t.pool = $1 AND t.lane = $2 \
                       AND t.service_id > turn.service_id ORDER BY t.service_id LIMIT 1) \
               FROM turn WHERE turn.service_id IS NOT NULL) \
             SELECT turn.service_id AS service_id FROM turn WHERE turn.service_id IS NOT NULL AND EXISTS \
               (SELECT 1 FROM tasks t WHERE t.pool = $1 AND t.lane = $2 AND t.service_id = turn.service_id \
                AND t.ready_at <= $4) LIMIT $5",
            args![pool, lane, from, now, count],
        )
        .await?
        .iter()
        .map(|row| row.get("service_id"))
        .collect()
}

/// Takes up to `count` ready tasks of one service, those that have waited longest first.
pub async fn claim(
    tx: &mut Tx,
    pool: &str,
    lane: Lane,
    service: ServiceId,
    lease: &Lease,
    now: Timestamp,
    count: u32,
) -> Result<Vec<LeasedTask>, Error> {
    let sql = format!(
        "UPDATE tasks SET lease = $5, worker = $6, ready_at = $7 WHERE id IN \
           (SELECT id FROM tasks WHERE pool = $1 AND lane = $2 AND service_id = $3 AND ready_at <= $4 \
            ORDER BY ready_at LIMIT $8 {}) \
         RETURNING id, lane, service_id, kind, payload, attempt, created_at",
        tx.kind().skip_locked()
    );
    let Lease {
        token,
        worker,
        until,
    } = *lease;
    let place_and_lease = args![pool, lane, service, now, token, worker, until, count];
    let rows = tx.fetch_all(sql, place_and_lease).await?;
    let mut taken = rows
        .iter()
        .map(|row| taken(row, lease))
        .collect::<Result<Vec<_>, _>>()?;
    taken.sort_by_key(|task| (task.created_at, task.id));
    Ok(taken)
}

fn taken(row: &Row, lease: &Lease) -> Result<LeasedTask, Error> {
    Ok(LeasedTask {
        id: row.get("id")?,
        lease: lease.token,
        until: lease.until,
        lane: row.word("tasks", "lane")?,
        service_id: row.get("service_id")?,
        kind: row.get("kind")?,
        payload: row.get("payload")?,
        attempt: row.count("tasks", "attempt")?,
        created_at: row.get("created_at")?,
    })
}

/// The tasks of a service whose payload has this text in it: an id.
pub async fn list_naming(
    session: &mut Session,
    service: ServiceId,
    id: Uuid,
) -> Result<Vec<TaskId>, Error> {
    list_with_text(session, service, &id.to_string()).await
}

async fn list_with_text(
    session: &mut Session,
    service: ServiceId,
    text: &str,
) -> Result<Vec<TaskId>, Error> {
    session
        .fetch_all(
            "SELECT id FROM tasks WHERE service_id = $1 AND payload LIKE $2 ORDER BY id",
            args![service, format!("%{text}%")],
        )
        .await?
        .iter()
        .map(|row| row.get("id"))
        .collect()
}

/// The tasks of a service whose payload has the id of a row of this job in it.
pub async fn list_naming_rows(
    session: &mut Session,
    origin: &JobOrigin,
) -> Result<Vec<TaskId>, Error> {
    let rows = origin.rows();
    let (first, last) = (rows.start().to_string(), rows.end().to_string());
    // What all of them begin with.
    let shared = first.bytes().zip(last.bytes());
    let length = shared.take_while(|(one, other)| one == other).count();
    list_with_text(session, origin.service, &first[..length]).await
}

/// Keeps these tasks from being taken until the transaction ends; of each that is still there, whether somebody has it.
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
        if let Some(row) = tx.fetch_optional(sql, args![*id]).await? {
            let lease: Option<Uuid> = row.get("lease")?;
            let until: Timestamp = row.get("ready_at")?;
            held.push((*id, lease.is_some() && until > now));
        }
    }
    Ok(held)
}

/// Moves the end of a lease to `until`; false if the lease was lost.
pub async fn renew(tx: &mut Tx, id: TaskId, lease: Uuid, until: Timestamp) -> Result<bool, Error> {
    let touched = tx
        .execute(
            "UPDATE tasks SET ready_at = $3, deaths = 0 WHERE id = $1 AND lease = $2",
            args![id, lease, until],
        )
        .await?;
    Ok(touched == 1)
}

/// Notes that the work on a task gets on: it is not what its workers die of.
pub async fn record_progress(tx: &mut Tx, id: TaskId, lease: Uuid) -> Result<(), Error> {
    tx.execute(
        "UPDATE tasks SET deaths = 0 WHERE id = $1 AND lease = $2 AND deaths > 0",
        args![id, lease],
    )
    .await?;
    Ok(())
}

/// Makes ready at once what a dead worker had in hand; how many tasks. Only for who knows that it is dead. A task that got
/// on in none of `most_deaths` hands may be what they die of: it waits for the end of its lease as ever, and who starts
/// meanwhile has time for the others.
pub async fn reclaim(
    tx: &mut Tx,
    dead: WorkerId,
    now: Timestamp,
    most_deaths: u32,
) -> Result<u64, Error> {
    tx.execute(
        "UPDATE tasks SET lease = NULL, worker = NULL, ready_at = $2, deaths = deaths + 1 \
         WHERE worker = $1 AND lease IS NOT NULL AND ready_at > $2 AND deaths < $3",
        args![dead, now, most_deaths],
    )
    .await
}

/// Takes a finished task out of the queue; false if the lease was lost.
pub async fn complete(tx: &mut Tx, id: TaskId, lease: Uuid) -> Result<bool, Error> {
    Ok(tx
        .execute(
            "DELETE FROM tasks WHERE id = $1 AND lease = $2",
            args![id, lease],
        )
        .await?
        == 1)
}

/// Gives a task back, to be taken again from `ready_at` on, with `attempt` tries behind it; false if the lease was lost.
pub async fn release(
    tx: &mut Tx,
    id: TaskId,
    lease: Uuid,
    ready_at: Timestamp,
    attempt: u32,
) -> Result<bool, Error> {
    let touched = tx
        .execute(
            "UPDATE tasks SET lease = NULL, worker = NULL, ready_at = $3, attempt = $4, deaths = 0 \
             WHERE id = $1 AND lease = $2",
            args![id, lease, ready_at, attempt],
        )
        .await?;
    Ok(touched == 1)
}

/// A task that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Which.
    pub id: TaskId,
    /// The workers that took it.
    pub pool: String,
    /// Where it waited.
    pub lane: Lane,
    /// Whose.
    pub service_id: ServiceId,
    /// What it was.
    pub kind: String,
    /// What it was about, as JSON.
    pub payload: String,
    /// How often it was tried.
    pub attempt: u32,
    /// Why it was given up.
    pub why: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was given up.
    pub died_at: Timestamp,
}

/// Moves a task to the dead letters; false if the lease was lost.
pub async fn dead_letter(
    tx: &mut Tx,
    id: TaskId,
    lease: Uuid,
    why: &str,
    at: Timestamp,
) -> Result<bool, Error> {
    let buried = tx
        .execute(
            "INSERT INTO dead_letters (id, pool, lane, service_id, kind, payload, attempt, why, created_at, died_at) \
             SELECT id, pool, lane, service_id, kind, payload, attempt, $3, created_at, $4 FROM tasks \
             WHERE id = $1 AND lease = $2 \
             ON CONFLICT (id) DO UPDATE SET why = excluded.why, attempt = excluded.attempt, died_at = excluded.died_at",
            args![id, lease, why, at],
        )
        .await?;
    complete(tx, id, lease).await?;
    Ok(buried == 1)
}

/// Puts a task among the dead letters that was never in the queue: a piece of one that was. Twice is once.
pub async fn insert_dead(
    tx: &mut Tx,
    task: &NewTask,
    why: &str,
    at: Timestamp,
) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO dead_letters (id, pool, lane, service_id, kind, payload, attempt, why, created_at, died_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
         ON CONFLICT (id) DO UPDATE SET why = excluded.why, attempt = excluded.attempt, died_at = excluded.died_at",
        args![
            task.id,
            task.pool,
            task.lane,
            task.service_id,
            task.kind,
            task.payload.clone(),
            task.attempt,
            why,
            task.created_at,
            at,
        ],
    )
    .await?;
    Ok(())
}

/// Those of these ids that are dead letters.
pub async fn list_dead_among(session: &mut Session, ids: &[TaskId]) -> Result<Vec<TaskId>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT id FROM dead_letters WHERE id IN ({})",
        parameters(1, ids.len())
    );
    session
        .fetch_all(sql, ids.iter().copied().map(Arg::from).collect())
        .await?
        .iter()
        .map(|row| row.get("id"))
        .collect()
}

const DEAD: &str = "id, pool, lane, service_id, kind, payload, attempt, why, created_at, died_at FROM dead_letters";

/// The dead letters, newest first, at most `count`.
pub async fn list_dead(session: &mut Session, count: u32) -> Result<Vec<DeadLetter>, Error> {
    let sql = format!("SELECT {DEAD} ORDER BY died_at DESC, id DESC LIMIT $1");
    let found = session.fetch_all(sql, args![count]).await?;
    found.iter().map(parse_dead_letter).collect()
}

/// A dead letter.
pub async fn find_dead(session: &mut Session, id: TaskId) -> Result<Option<DeadLetter>, Error> {
    let sql = format!("SELECT {DEAD} WHERE id = $1");
    let found = session.fetch_optional(sql, args![id]).await?;
    found.as_ref().map(parse_dead_letter).transpose()
}

fn parse_dead_letter(row: &Row) -> Result<DeadLetter, Error> {
    Ok(DeadLetter {
        id: row.get("id")?,
        pool: row.get("pool")?,
        lane: row.word("dead_letters", "lane")?,
        service_id: row.get("service_id")?,
        kind: row.get("kind")?,
        payload: row.get("payload")?,
        attempt: row.count("dead_letters", "attempt")?,
        why: row.get("why")?,
        created_at: row.get("created_at")?,
        died_at: row.get("died_at")?,
    })
}

/// Puts a dead letter back in the queue as new work; whether there was one.
pub async fn replay(tx: &mut Tx, id: TaskId, at: Timestamp) -> Result<bool, Error> {
    let put = tx
        .execute(
            "INSERT INTO tasks (id, pool, lane, service_id, kind, payload, attempt, ready_at, created_at) \
             SELECT id, pool, lane, service_id, kind, payload, 0, $2, created_at FROM dead_letters WHERE id = $1 \
             ON CONFLICT DO NOTHING",
            args![id, at],
        )
        .await?;
    tx.execute("DELETE FROM dead_letters WHERE id = $1", args![id])
        .await?;
    Ok(put == 1)
}

/// How a lane of a pool stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Depth {
    /// The workers.
    pub pool: String,
    /// The lane.
    pub lane: Lane,
    /// Tasks that are there: waiting, delayed or being worked on.
    pub tasks: u32,
    /// Since when the longest waiting task that could be taken has been ready.
    pub oldest_ready: Option<Timestamp>,
}

/// How every lane that holds a task stands.
pub async fn list_depths(session: &mut Session, now: Timestamp) -> Result<Vec<Depth>, Error> {
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
                lane: row.word("tasks", "lane")?,
                tasks: row.count("tasks", "number")?,
                oldest_ready: row.get("oldest")?,
            })
        })
        .collect()
}

/// How many dead letters there are.
pub async fn count_dead(session: &mut Session) -> Result<u32, Error> {
    let row = session
        .fetch_optional("SELECT count(*) AS number FROM dead_letters", args![])
        .await?;
    row.map_or(Ok(0), |row| row.count("dead_letters", "number"))
}
