use domain::{Channel, KeyType, NotificationStatus, ServiceId, Timestamp};

use crate::{Error, Session, db::args};

/// How many notifications a service sent through a channel, and how many of them failed for good.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FailureRate {
    /// Notifications accepted, without those of test keys.
    pub total: i64,
    /// Those with `permanent-failure`.
    pub failed: i64,
}

/// Counts the notifications that a service sent through a channel since a time. Reads each of them.
pub async fn measure_failures(
    session: &mut Session,
    service: ServiceId,
    channel: Channel,
    since: Timestamp,
) -> Result<FailureRate, Error> {
    let row = session
        .fetch_optional(
            "SELECT COUNT(*) AS total, COUNT(CASE WHEN status = $5 THEN 1 END) AS failed FROM notifications \
             WHERE service_id = $1 AND created_at >= $2 AND notification_type = $3 AND key_type <> $4",
            args![
                service,
                since,
                channel,
                KeyType::Test,
                NotificationStatus::PermanentFailure
            ],
        )
        .await?;
    row.map_or(Ok(FailureRate::default()), |row| {
        Ok(FailureRate {
            total: row.get("total")?,
            failed: row.get("failed")?,
        })
    })
}
