//! Daily partitions of `notifications` on PostgreSQL. A version 7 id begins with its time, so a day is a range of
//! ids.

use domain::{Timestamp, UtcDay, day_bounds};

use crate::{Error, Session, Tx, db::args, history::COLUMNS};

/// Returns which of `from` and the `days` after it have no partition. Empty on SQLite.
pub async fn list_missing(
    session: &mut Session,
    from: UtcDay,
    days: i64,
) -> Result<Vec<UtcDay>, Error> {
    if !session.kind().has_partitions() {
        return Ok(Vec::new());
    }
    let existing = list_days(session).await?;
    Ok((0..=days)
        .map(|later| from.plus_days(later))
        .filter(|day| !existing.contains(day))
        .collect())
}

/// Creates the partition of a day and moves the rows into it that the default partition holds for this day. Returns
/// false if it exists. Concurrent calls are serialised by an advisory lock. Does nothing on SQLite.
///
/// Fails with [`Error::is_lock_timeout`] if another transaction holds the default partition for longer than a second.
pub async fn create(tx: &mut Tx, day: UtcDay) -> Result<bool, Error> {
    if !tx.kind().has_partitions() {
        return Ok(false);
    }
    tx.allow_long_statements();
    // Any number that nothing else in this database locks.
    tx.execute("SELECT pg_advisory_xact_lock(7045531)", args![])
        .await?;
    let name = name_of(day);
    if exists(tx, &name).await? {
        return Ok(false);
    }
    // Statements that read every partition queue behind a waiting lock, so this one gives up quickly.
    tx.execute("SET LOCAL lock_timeout = '1s'", args![]).await?;
    // No row of this day may arrive in the default partition between the move and the attachment.
    let lock = "LOCK TABLE notifications_default IN ACCESS EXCLUSIVE MODE";
    tx.execute(lock, args![]).await?;
    // Attaching a table locks the parent less than `CREATE … PARTITION OF`: inserts and look-ups continue. Free space
    // in each page lets a status change stay on its page, which spares the indexes.
    let create =
        format!("CREATE TABLE {name} (LIKE notifications INCLUDING ALL) WITH (fillfactor = 80)");
    tx.execute(create, args![]).await?;
    let (first, after) = day_bounds(day);
    // While the default partition holds a row of the day, PostgreSQL refuses to attach a partition for it.
    let move_rows = format!(
        "WITH moved AS (DELETE FROM notifications_default WHERE id >= $1 AND id < $2 RETURNING *) \
         INSERT INTO {name} SELECT * FROM moved"
    );
    tx.execute(move_rows, args![first, after]).await?;
    let attach = format!(
        "ALTER TABLE notifications ATTACH PARTITION {name} FOR VALUES FROM ('{first}') TO ('{after}')"
    );
    tx.execute(attach, args![]).await?;
    create_for_attempts(tx, day).await?;
    Ok(true)
}

/// Creates the partition of a day for the attempts, which are dropped with the notifications of the day.
async fn create_for_attempts(tx: &mut Tx, day: UtcDay) -> Result<(), Error> {
    let name = attempts_name_of(day);
    if exists(tx, &name).await? {
        return Ok(());
    }
    let lock = "LOCK TABLE attempts_default IN ACCESS EXCLUSIVE MODE";
    tx.execute(lock, args![]).await?;
    // An outcome is written into the row of its attempt, which stays on its page if there is room.
    let create =
        format!("CREATE TABLE {name} (LIKE attempts INCLUDING ALL) WITH (fillfactor = 60)");
    tx.execute(create, args![]).await?;
    let (first, after) = day_bounds(day);
    let move_rows = format!(
        "WITH moved AS (DELETE FROM attempts_default WHERE notification_id >= $1 AND notification_id < $2 RETURNING *) \
         INSERT INTO {name} SELECT * FROM moved"
    );
    tx.execute(move_rows, args![first, after]).await?;
    let attach = format!(
        "ALTER TABLE attempts ATTACH PARTITION {name} FOR VALUES FROM ('{first}') TO ('{after}')"
    );
    tx.execute(attach, args![]).await?;
    Ok(())
}

async fn exists(session: &mut Session, name: &str) -> Result<bool, Error> {
    let row = session
        .fetch_optional("SELECT to_regclass($1) IS NOT NULL AS found", args![name])
        .await?;
    row.map_or(Ok(false), |row| row.get("found"))
}

/// `notifications_20260302`
fn name_of(day: UtcDay) -> String {
    format!("notifications_{}", day.to_string().replace('-', ""))
}

/// `attempts_20260302`
fn attempts_name_of(day: UtcDay) -> String {
    format!("attempts_{}", day.to_string().replace('-', ""))
}

/// Result of dropping a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropResult {
    /// The day was dropped; this many of its notifications were copied to the history.
    Day(u64),
    /// The day holds a row that must stay: a notification accepted later, or a letter, whose PDF must be deleted
    /// first.
    NotYet,
}

/// Returns the days that have a partition and end before `before`, oldest first. Empty on SQLite.
pub async fn list_before(session: &mut Session, before: UtcDay) -> Result<Vec<UtcDay>, Error> {
    if !session.kind().has_partitions() {
        return Ok(Vec::new());
    }
    let mut days = list_days(session).await?;
    days.retain(|day| *day < before);
    Ok(days)
}

/// Returns the days that have a partition, oldest first.
async fn list_days(session: &mut Session) -> Result<Vec<UtcDay>, Error> {
    let rows = session
        .fetch_all(
            "SELECT c.relname::text AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
             WHERE i.inhparent = 'notifications'::regclass ORDER BY c.relname",
            args![],
        )
        .await?;
    let mut days = Vec::new();
    for row in rows {
        let name: String = row.get("name")?;
        days.extend(day_of(&name));
    }
    Ok(days)
}

/// Copies the notifications of a day to the history, except those of test keys, and drops its partition without
/// touching the rows one by one. The caller knows that every notification accepted before `before` may be deleted.
pub async fn drop_day(tx: &mut Tx, day: UtcDay, before: Timestamp) -> Result<DropResult, Error> {
    tx.allow_long_statements();
    let name = name_of(day);
    // Other statements queue behind a waiting lock, so this one gives up quickly; the next night will do.
    tx.execute("SET LOCAL lock_timeout = '3s'", args![]).await?;
    // A late row of a paused job could otherwise arrive between the check and the drop.
    let lock = format!("LOCK TABLE {name} IN SHARE ROW EXCLUSIVE MODE");
    tx.execute(lock, args![]).await?;
    let stays = tx
        .fetch_optional(
            format!(
                "SELECT 1 AS one FROM {name} WHERE created_at >= $1 OR notification_type = 'letter' LIMIT 1"
            ),
            args![before],
        )
        .await?;
    if stays.is_some() {
        return Ok(DropResult::NotYet);
    }
    let copied = tx
        .execute(
            format!(
                "INSERT INTO notification_history ({COLUMNS}) SELECT {COLUMNS} FROM {name} WHERE key_type <> 'test' \
                 ON CONFLICT (id) DO NOTHING"
            ),
            args![],
        )
        .await?;
    tx.execute(format!("DROP TABLE {name}"), args![]).await?;
    let attempts = attempts_name_of(day);
    tx.execute(format!("DROP TABLE IF EXISTS {attempts}"), args![])
        .await?;
    // Of days whose partition is older than the table of attempts.
    let (first, after) = day_bounds(day);
    tx.execute(
        "DELETE FROM attempts_default WHERE notification_id >= $1 AND notification_id < $2",
        args![first, after],
    )
    .await?;
    Ok(DropResult::Day(copied))
}

/// Returns the day of a partition, given its name.
fn day_of(name: &str) -> Option<UtcDay> {
    let digits = name.strip_prefix("notifications_")?;
    // Other tables may have a similar name, for example a backup made by hand.
    if digits.len() != 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, month, day) = (&digits[..4], &digits[4..6], &digits[6..]);
    let start: Timestamp = format!("{year}-{month}-{day}T00:00:00Z").parse().ok()?;
    Some(start.utc_day())
}
