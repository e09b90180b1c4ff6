//! Letters returned to sender, for the reports of their services.

use domain::{NotificationId, NotificationStatus, ServiceId, Timestamp};

use crate::{
    Error, Session, Tx,
    db::{Arg, Table, args, columns, parameters},
};

/// Letter found by its printed reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchedLetter {
    /// Id of the letter.
    pub id: NotificationId,
    /// Service that sent it.
    pub service_id: ServiceId,
    /// Current status.
    pub status: NotificationStatus,
}

/// Line of a service's report of returned letters.
struct ReportLine {
    notification_id: NotificationId,
    service_id: ServiceId,
    reported_at: Timestamp,
}

static TABLE: Table<ReportLine> = Table::new(
    "returned_letters",
    columns![line =>
        notification_id: Id = line.notification_id,
        service_id: Id = line.service_id,
        reported_at: Time = line.reported_at,
    ],
);

/// Returns the letters of any service that have one of these references.
pub async fn list_by_reference(
    session: &mut Session,
    references: &[String],
) -> Result<Vec<MatchedLetter>, Error> {
    if references.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        // Providers' references of other channels are in the same column.
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
                status: row.parse("notifications", "status")?,
            })
        })
        .collect()
}

/// Records letters as returned, in the report of that day, and returns how many are new. A letter already in a
/// report stays there, because its service may have read the report.
pub async fn insert_many(
    tx: &mut Tx,
    letters: &[MatchedLetter],
    day: Timestamp,
) -> Result<u64, Error> {
    let lines: Vec<ReportLine> = letters
        .iter()
        .map(|letter| ReportLine {
            notification_id: letter.id,
            service_id: letter.service_id,
            reported_at: day,
        })
        .collect();
    tx.insert_rows(&TABLE, &lines).await
}

/// Returns up to `count` returned letters of a service that were reported since `since`, newest first.
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
