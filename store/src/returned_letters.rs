//! Letters that the post brought back, for the reports of their services.

use domain::{NotificationId, NotificationStatus, ServiceId, Timestamp};

use crate::{
    Error, Session, Tx,
    db::{Arg, ColumnType, Table, args, parameters},
};

/// A letter that was found by the reference printed on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchedLetter {
    /// Which.
    pub id: NotificationId,
    /// Whose.
    pub service_id: ServiceId,
    /// What has become of it.
    pub status: NotificationStatus,
}

static TABLE: Table = Table::new(
    "returned_letters",
    &[
        ("notification_id", ColumnType::Id),
        ("service_id", ColumnType::Id),
        ("reported_at", ColumnType::Time),
    ],
);

/// The letters, of whatever service, on which one of these references is printed.
pub async fn list_by_reference(
    session: &mut Session,
    references: &[String],
) -> Result<Vec<MatchedLetter>, Error> {
    if references.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT id, service_id, status FROM notifications \
         WHERE notification_type = 'letter' AND reference IN ({})",
        parameters(1, references.len())
    );
    let args = references
        .iter()
        .map(|one| Arg::from(one.as_str()))
        .collect();
    session
        .fetch_all(sql, args)
        .await?
        .iter()
        .map(|row| {
            Ok(MatchedLetter {
                id: row.get("id")?,
                service_id: row.get("service_id")?,
                status: row.word("notifications", "status")?,
            })
        })
        .collect()
}

/// Records letters as returned, in the report of that day. One that is in a report stays there, for a service may have
/// read it. How many are new.
pub async fn insert_many(
    tx: &mut Tx,
    letters: &[MatchedLetter],
    day: Timestamp,
) -> Result<u64, Error> {
    let rows: Vec<Vec<Arg>> = letters
        .iter()
        .map(|letter| args![letter.id, letter.service_id, day])
        .collect();
    tx.insert_rows(&TABLE, rows.iter().map(Vec::as_slice)).await
}

/// The returned letters of a service that were reported since then, newest first, at most `count`.
pub async fn list(
    session: &mut Session,
    service: ServiceId,
    since: Timestamp,
    count: u32,
) -> Result<Vec<(NotificationId, Timestamp)>, Error> {
    session
        .fetch_all(
            "SELECT notification_id, reported_at FROM returned_letters WHERE service_id = $1 AND reported_at >= $2 \
             ORDER BY reported_at DESC, notification_id LIMIT $3",
            args![service, since, count],
        )
        .await?
        .iter()
        .map(|row| Ok((row.get("notification_id")?, row.get("reported_at")?)))
        .collect()
}
