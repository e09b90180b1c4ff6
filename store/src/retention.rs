//! For how many days a service's messages are kept, where it is not the standard number.

use domain::{Channel, RetentionId, ServiceId, Timestamp};

use crate::{
    Error, Session, Tx,
    db::{Row, args},
};

/// A service's own retention of a type of message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Which.
    pub id: RetentionId,
    /// Of which messages.
    pub notification_type: Channel,
    /// How long.
    pub days_of_retention: u32,
    /// When it was set.
    pub created_at: Timestamp,
    /// When it was changed.
    pub updated_at: Option<Timestamp>,
}

const COLUMNS: &str = "id, notification_type, days_of_retention, created_at, updated_at";

/// Keeps a new retention; `Exists` if the service has one for the type.
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

/// Changes how long; whether there is such a retention.
pub async fn update(
    tx: &mut Tx,
    service: ServiceId,
    id: RetentionId,
    days: u32,
    at: Timestamp,
) -> Result<bool, Error> {
    let touched = tx
        .execute(
            "UPDATE data_retention SET days_of_retention = $3, updated_at = $4 WHERE service_id = $1 AND id = $2",
            args![service, id, days, at],
        )
        .await?;
    Ok(touched == 1)
}

/// The retention of a service with this id.
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
    row.as_ref().map(retention).transpose()
}

/// A service's own retentions, by type.
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
        .map(retention)
        .collect()
}

fn retention(row: &Row) -> Result<Retention, Error> {
    Ok(Retention {
        id: row.get("id")?,
        notification_type: row.word("data_retention", "notification_type")?,
        days_of_retention: row.count("data_retention", "days_of_retention")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}
