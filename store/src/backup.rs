//! What a backup says about its database.

use domain::NotificationStatus;
use serde::{Deserialize, Serialize};

use crate::{Error, Session, db::args, migrations};

/// Number of rows of the most important tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowCounts {
    /// Services.
    pub services: i64,
    /// Jobs.
    pub jobs: i64,
    /// Notifications whose retention has not ended.
    pub notifications: i64,
    /// Notifications among them that are still to be sent.
    pub notifications_created: i64,
    /// Tasks in the queue.
    pub tasks: i64,
    /// Dead letters.
    pub dead_letters: i64,
}

/// Returns whether the pages of a copied SQLite database fit together and it has nothing that runs by itself or stands in the
/// place of a table, but for the triggers of our own migrations: somebody else made it.
pub async fn is_intact(session: &mut Session) -> Result<bool, Error> {
    let sql = "SELECT sql FROM sqlite_schema WHERE type IN ('trigger', 'view')";
    for row in session.fetch_all(sql, args![]).await? {
        // As it was written, word for word.
        let text: String = row.get("sql")?;
        if !migrations::SQLITE
            .iter()
            .any(|one| one.sql.as_str().contains(&text))
        {
            return Ok(false);
        }
    }
    let checked = session.fetch_all("PRAGMA quick_check(1)", args![]).await?;
    let verdicts = checked.iter().map(|row| row.get::<String>("quick_check"));
    let verdicts = verdicts.collect::<Result<Vec<_>, _>>()?;
    Ok(verdicts == ["ok"])
}

/// Counts the rows. Reads whole tables, so use it on a copy of the database.
pub async fn count_rows(session: &mut Session) -> Result<RowCounts, Error> {
    let sql = "SELECT (SELECT count(*) FROM services) AS services, (SELECT count(*) FROM jobs) AS jobs, \
               (SELECT count(*) FROM notifications) AS notifications, \
               (SELECT count(*) FROM notifications WHERE status = $1) AS notifications_created, \
               (SELECT count(*) FROM tasks) AS tasks, (SELECT count(*) FROM dead_letters) AS dead_letters";
    let row = session
        .fetch_optional(sql, args![NotificationStatus::Created])
        .await?;
    let row = row.expect("a query without FROM has a row");
    Ok(RowCounts {
        services: row.get("services")?,
        jobs: row.get("jobs")?,
        notifications: row.get("notifications")?,
        notifications_created: row.get("notifications_created")?,
        tasks: row.get("tasks")?,
        dead_letters: row.get("dead_letters")?,
    })
}
