//! Daily partitions of `notifications` on PostgreSQL. A version 7 id begins with its time, so a day is a range of
//! ids.

use domain::{Timestamp, UtcDay, day_bounds};

use crate::{Error, Session, Tx, db::args, history::COLUMNS};

/// Creates the missing partitions of `from` and the `days` after it, and returns how many. Concurrent calls are
/// serialised by an advisory lock. Does nothing on SQLite.
pub async fn create(tx: &mut Tx, from: UtcDay, days: i64) -> Result<u32, Error> {
    if !tx.kind().has_partitions() {
        return Ok(0);
    }
    // Any number that nothing else in this database locks.
    tx.execute("SELECT pg_advisory_xact_lock(7045531)", args![])
        .await?;
    let mut made = 0;
    for day in (0..=days).map(|later| from.plus_days(later)) {
        let name = name_of(day);
        if exists(tx, &name).await? {
            continue;
        }
        let (first, after) = day_bounds(day);
        // Free space in each page lets a status change stay on its page, which spares the indexes.
        let sql = format!(
            "CREATE TABLE {name} PARTITION OF notifications FOR VALUES FROM ('{first}') TO ('{after}') \
             WITH (fillfactor = 80)"
        );
        tx.execute(sql, args![]).await?;
        made += 1;
    }
    Ok(made)
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
        days.extend(day_of(&name).filter(|day| *day < before));
    }
    Ok(days)
}

/// Copies the notifications of a day to the history, except those of test keys, and drops its partition without
/// touching the rows one by one. The caller knows that every notification accepted before `before` may be deleted.
pub async fn drop_day(tx: &mut Tx, day: UtcDay, before: Timestamp) -> Result<DropResult, Error> {
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
