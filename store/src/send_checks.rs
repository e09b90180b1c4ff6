//! What a batch looks up before it is sent. Nearly always there is nothing of it, and one statement says so.

use domain::{Channel, NotificationId, ServiceId, TaskId};

use crate::{
    Error, Session,
    db::{ColumnType, args},
    suppressions::PLATFORM,
};

/// What there is to look up in detail before notifications are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SendChecks {
    /// One of the notifications may have been set aside as a dead letter.
    pub has_dead_letters: bool,
    /// The service or the platform has a suppression list for the channel.
    pub has_suppressions: bool,
    /// One of the notifications has been attempted before.
    pub has_attempts: bool,
}

/// Returns what there is to look up for notifications of a service, and for the tasks whose dead letters would stand for
/// them.
pub async fn find(
    session: &mut Session,
    service: ServiceId,
    channel: Channel,
    notifications: &[NotificationId],
    dead_letters: &[TaskId],
) -> Result<SendChecks, Error> {
    if notifications.is_empty() {
        return Ok(SendChecks::default());
    }
    let mut args = args![service, PLATFORM, channel];
    let kind = session.kind();
    let ids = notifications.iter().copied();
    let attempted = kind.one_of("notification_id", ColumnType::Id, ids.clone(), &mut args);
    let pruned = kind.within("notification_id", ids, &mut args);
    let dead = dead_letters.iter().copied();
    let dead = kind.one_of("id", ColumnType::Id, dead, &mut args);
    let sql = format!(
        "SELECT EXISTS (SELECT 1 FROM dead_letters WHERE {dead}) AS has_dead_letters, \
         EXISTS (SELECT 1 FROM suppressions WHERE service_id IN ($1, $2) AND channel = $3) AS has_suppressions, \
         EXISTS (SELECT 1 FROM attempts WHERE {attempted}{pruned}) AS has_attempts"
    );
    let row = session.fetch_optional(sql, args).await?;
    row.map_or_else(
        || Ok(SendChecks::default()),
        |row| {
            Ok(SendChecks {
                has_dead_letters: row.get("has_dead_letters")?,
                has_suppressions: row.get("has_suppressions")?,
                has_attempts: row.get("has_attempts")?,
            })
        },
    )
}
