//! Letters that have not come to an end in the time that they should, or that have failed (`docs/spec/letters.md` §14).
//! Test letters are never printed and never looked for.

use domain::{KeyType, NotificationStatus, Timestamp};

use crate::{Error, Session, db::args};

/// Returns how many letters with this status were created from `after` on and before `before`.
pub async fn count(
    session: &mut Session,
    status: NotificationStatus,
    after: Timestamp,
    before: Timestamp,
) -> Result<u64, Error> {
    session.allow_long_statements();
    let sql = letters(
        "COUNT(*) AS count",
        status,
        "created_at >= $2 AND created_at < $3",
    );
    let row = session
        .fetch_optional(sql, args![KeyType::Normal, after, before])
        .await?;
    row.map_or(Ok(0), |row| Ok(row.get::<i64>("count")?.unsigned_abs()))
}

/// Returns how many letters are `sending` that a print provider accepted before `before`.
pub async fn count_sent_before(session: &mut Session, before: Timestamp) -> Result<u64, Error> {
    session.allow_long_statements();
    let sql = letters(
        "COUNT(*) AS count",
        NotificationStatus::Sending,
        "sent_at < $2",
    );
    let row = session
        .fetch_optional(sql, args![KeyType::Normal, before])
        .await?;
    row.map_or(Ok(0), |row| Ok(row.get::<i64>("count")?.unsigned_abs()))
}

/// Returns a statement about letters of normal keys (`$1`) with this status.
fn letters(columns: &str, status: NotificationStatus, condition: &str) -> String {
    format!(
        // Every letter has a reference: with this condition the index of letters serves, and texts are not looked at. An index
        // that named the status would make every text write to all indexes when its status changes.
        "SELECT {columns} FROM notifications WHERE notification_type = 'letter' AND reference IS NOT NULL \
         AND status = '{status}' AND key_type = $1 AND {condition}"
    )
}
