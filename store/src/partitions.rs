//! The days of `notifications` on PostgreSQL. A version 7 id begins with its time, so a range of ids is a day.

use domain::{UtcDay, day_bounds};

use crate::{Error, Session, Tx, db::args};

/// Makes the partitions of `from` and the `days` after it that are not there yet; how many it made.
/// Twice at once is harmless: the name is taken under a lock. On `SQLite` there is nothing to make.
pub async fn prepare(tx: &mut Tx, from: UtcDay, days: i64) -> Result<u32, Error> {
    if !tx.kind().has_partitions() {
        return Ok(0);
    }
    tx.execute("SELECT pg_advisory_xact_lock(7045531)", args![])
        .await?;
    let mut made = 0;
    for day in (0..=days).map(|later| from.plus_days(later)) {
        let name = name_of(day);
        if exists(tx, &name).await? {
            continue;
        }
        let (first, after) = day_bounds(day);
        // The free room in each page lets a status change stay on its page, which spares the indexes.
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
