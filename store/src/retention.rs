//! Retention in days of a service's notifications, where it differs from the standard.

use domain::{Channel, RetentionId, ServiceId, Timestamp};

use crate::{
    Error, Session, Tx,
    db::{Row, args},
};

/// Retention of a service for one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Primary key.
    pub id: RetentionId,
    /// Channel whose notifications it applies to.
    pub notification_type: Channel,
    /// Days after which a notification is moved to the history.
    pub days_of_retention: u32,
    /// When it was set.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Option<Timestamp>,
}

const COLUMNS: &str = "id, notification_type, days_of_retention, created_at, updated_at";

/// Inserts a retention. Fails with [`Error::Exists`] if the service has one for the channel.
pub async fn insert(tx: &mut Tx, service: ServiceId, retention: &Retention) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO data_retention (id, service_id, notification_type, days_of_retention, created_at) \
         VALUES ($1, $2, $3, $4, $5)",
        args![
            retention.id,
            service,
            retention.notification_type,
            retention.days_of_retention,
            retention.created_at
        ],
    )
    .await?;
    Ok(())
}

/// Changes the number of days. Returns whether the retention exists.
pub async fn update(
    tx: &mut Tx,
    service: ServiceId,
    id: RetentionId,
    days: u32,
    at: Timestamp,
) -> Result<bool, Error> {
    let changed = tx
        .execute(
            "UPDATE data_retention SET days_of_retention = $3, updated_at = $4 WHERE service_id = $1 AND id = $2",
            args![service, id, days, at],
        )
        .await?;
    Ok(changed == 1)
}

/// Returns a retention of a service.
pub async fn find(
    session: &mut Session,
    service: ServiceId,
    id: RetentionId,
) -> Result<Option<Retention>, Error> {
    let row = session
        .fetch_optional(
            format!("SELECT {COLUMNS} FROM data_retention WHERE service_id = $1 AND id = $2"),
            args![service, id],
        )
        .await?;
    row.as_ref().map(parse_retention).transpose()
}

/// Returns the retentions of a service by channel.
pub async fn list(session: &mut Session, service: ServiceId) -> Result<Vec<Retention>, Error> {
    session
        .fetch_all(
            format!(
                "SELECT {COLUMNS} FROM data_retention WHERE service_id = $1 ORDER BY notification_type"
            ),
            args![service],
        )
        .await?
        .iter()
        .map(parse_retention)
        .collect()
}

fn parse_retention(row: &Row) -> Result<Retention, Error> {
    Ok(Retention {
        id: row.get("id")?,
        notification_type: row.parse("data_retention", "notification_type")?,
        days_of_retention: row.get_u32("data_retention", "days_of_retention")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}
