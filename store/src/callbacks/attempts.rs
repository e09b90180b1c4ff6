//! The log of attempts to call services back.

use std::fmt::Write as _;

use domain::{CallbackAttemptId, CallbackKind, CallbackOutcome, ServiceId, Timestamp};
use uuid::Uuid;

use crate::{
    Error, Session, Tx,
    db::{Arg, Row, Table, args, columns, parameters},
};

/// An attempt to tell a service of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Primary key; its time is that of the attempt.
    pub id: CallbackAttemptId,
    /// Service that was called.
    pub service_id: ServiceId,
    /// Kind of event.
    pub kind: CallbackKind,
    /// The notification, inbound SMS or complaint.
    pub subject_id: Uuid,
    /// What was told, as the task had it: JSON without personal data.
    pub event: String,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// What it came to.
    pub outcome: CallbackOutcome,
    /// HTTP status, if there was an answer.
    pub status: Option<u32>,
    /// Time until the answer, in milliseconds.
    pub latency_ms: u32,
    /// The beginning of an answer that was no success, without what may be personal.
    pub answer: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the event was enqueued again.
    pub replayed_at: Option<Timestamp>,
}

static TABLE: Table<Attempt> = Table::new(
    "callback_attempts",
    columns![row =>
        id: Id = row.id,
        service_id: Id = row.service_id,
        kind: Text = row.kind,
        subject_id: Id = row.subject_id,
        event: Text = &*row.event,
        attempt: Int = row.attempt,
        outcome: Text = row.outcome,
        status: Int = row.status,
        latency_ms: Int = row.latency_ms,
        answer: Text = row.answer.as_deref(),
        created_at: Time = row.created_at,
        replayed_at: Time = row.replayed_at,
    ],
);

const COLUMNS: &str = "id, service_id, kind, subject_id, event, attempt, outcome, status, latency_ms, answer, created_at, \
                       replayed_at";

/// Inserts attempts.
pub async fn insert_many(tx: &mut Tx, attempts: &[Attempt]) -> Result<(), Error> {
    tx.insert_rows(&TABLE, attempts).await?;
    Ok(())
}

/// Which attempts of a service are meant. The default means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only this one.
    pub id: Option<CallbackAttemptId>,
    /// Only those of this kind.
    pub kind: Option<CallbackKind>,
    /// Only those about this notification, inbound SMS or complaint.
    pub subject_id: Option<Uuid>,
    /// Only those with one of these outcomes; empty for any.
    pub outcomes: Vec<CallbackOutcome>,
    /// Only those made at this time or later.
    pub since: Option<Timestamp>,
    /// Only those made before this time.
    pub until: Option<Timestamp>,
    /// Only those that were not replayed.
    pub not_replayed: bool,
}

impl Filter {
    /// Returns the conditions, each beginning with `AND`, and appends their arguments to `args`.
    fn conditions(&self, args: &mut Vec<Arg>) -> String {
        let mut sql = String::new();
        let mut add = |condition: &str, arg: Arg| {
            args.push(arg);
            let _ = write!(sql, " AND {condition} ${}", args.len());
        };
        if let Some(id) = self.id {
            add("id =", id.into());
        }
        if let Some(kind) = self.kind {
            add("kind =", kind.into());
        }
        if let Some(subject) = self.subject_id {
            add("subject_id =", subject.into());
        }
        // By the time in the id, which the index has.
        if let Some(since) = self.since {
            add("id >=", domain::from_time_and_tail(since, 0).into());
        }
        if let Some(until) = self.until {
            add("id <", domain::from_time_and_tail(until, 0).into());
        }
        if !self.outcomes.is_empty() {
            let list = parameters(args.len() + 1, self.outcomes.len());
            let _ = write!(sql, " AND outcome IN ({list})");
            args.extend(self.outcomes.iter().copied().map(Arg::from));
        }
        if self.not_replayed {
            sql.push_str(" AND replayed_at IS NULL");
        }
        sql
    }
}

/// Returns up to `count` attempts of a service, newest first; only those before `older_than` if given.
pub async fn list(
    session: &mut Session,
    service: ServiceId,
    filter: &Filter,
    older_than: Option<CallbackAttemptId>,
    count: u32,
) -> Result<Vec<Attempt>, Error> {
    let mut args = args![service, count];
    let mut conditions = filter.conditions(&mut args);
    if let Some(id) = older_than {
        args.push(id.into());
        let _ = write!(conditions, " AND id < ${}", args.len());
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM callback_attempts WHERE service_id = $1{conditions} ORDER BY id DESC LIMIT $2"
    );
    let rows = session.fetch_all(sql, args).await?;
    rows.iter().map(parse_attempt).collect()
}

/// Returns up to `count` attempts of a service after `after`, oldest first, whose events may be replayed: not those that
/// are followed by another attempt, unless it is chosen by its id.
pub async fn list_to_replay(
    session: &mut Session,
    service: ServiceId,
    filter: &Filter,
    after: Option<CallbackAttemptId>,
    count: u32,
) -> Result<Vec<Attempt>, Error> {
    if filter.id.is_some() {
        return list(session, service, filter, None, count).await;
    }
    session.allow_long_statements();
    let mut args = args![service, count, CallbackOutcome::Retry];
    let mut conditions = filter.conditions(&mut args);
    if let Some(id) = after {
        args.push(id.into());
        let _ = write!(conditions, " AND id > ${}", args.len());
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM callback_attempts WHERE service_id = $1 AND outcome <> $3{conditions} ORDER BY id LIMIT $2"
    );
    let rows = session.fetch_all(sql, args).await?;
    rows.iter().map(parse_attempt).collect()
}

/// Marks attempts as replayed.
pub async fn set_replayed(
    tx: &mut Tx,
    service: ServiceId,
    ids: &[CallbackAttemptId],
    at: Timestamp,
) -> Result<(), Error> {
    if ids.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "UPDATE callback_attempts SET replayed_at = $2 WHERE service_id = $1 AND id IN ({})",
        parameters(3, ids.len())
    );
    let mut args = args![service, at];
    args.extend(ids.iter().copied().map(Arg::from));
    tx.execute(sql, args).await?;
    Ok(())
}

/// Deletes up to `count` attempts from before `before`, and returns how many.
pub async fn delete_before(tx: &mut Tx, before: Timestamp, count: u32) -> Result<u64, Error> {
    tx.allow_long_statements();
    let first_kept = domain::from_time_and_tail(before, 0);
    tx.execute(
        // The primary key finds them: the oldest ids come first.
        "DELETE FROM callback_attempts WHERE id IN \
         (SELECT id FROM callback_attempts WHERE id < $1 ORDER BY id LIMIT $2)",
        args![first_kept, count],
    )
    .await
}

fn parse_attempt(row: &Row) -> Result<Attempt, Error> {
    const TABLE: &str = "callback_attempts";
    Ok(Attempt {
        id: row.get("id")?,
        service_id: row.get("service_id")?,
        kind: row.parse(TABLE, "kind")?,
        subject_id: row.get("subject_id")?,
        event: row.get("event")?,
        attempt: row.get_u32(TABLE, "attempt")?,
        outcome: row.parse(TABLE, "outcome")?,
        status: row.get_optional_u32(TABLE, "status")?,
        latency_ms: row.get_u32(TABLE, "latency_ms")?,
        answer: row.get("answer")?,
        created_at: row.get("created_at")?,
        replayed_at: row.get("replayed_at")?,
    })
}
