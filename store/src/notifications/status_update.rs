//! Status updates: many at once, each only where `domain` allows the transition.

use std::collections::BTreeMap;

use domain::{Channel, NotificationId, NotificationStatus, ServiceId, Timestamp};

use crate::{
    Error, Tx,
    db::{Arg, ColumnType, Row, args, parameters},
    stored_bytes::{self, Stored},
};

/// New status of a notification, with what is learnt at the same time.
#[derive(Debug, Clone)]
pub struct StatusUpdate {
    /// Notification to update.
    pub id: NotificationId,
    /// Status to change to, if the transition is allowed.
    pub status: NotificationStatus,
    /// When a provider accepted it, if it just did.
    pub sent_at: Option<Timestamp>,
    /// Provider that accepted it.
    pub sent_by: Option<String>,
    /// Id that the provider uses for it.
    pub reference: Option<String>,
    /// Fragments or sheets, if they are known now.
    pub billable_units: Option<u32>,
    /// Why it failed, if it did.
    pub problem: Option<String>,
}

impl StatusUpdate {
    /// Returns an update that changes the status and nothing else.
    pub const fn new(id: NotificationId, status: NotificationStatus) -> Self {
        Self {
            id,
            status,
            sent_at: None,
            sent_by: None,
            reference: None,
            billable_units: None,
            problem: None,
        }
    }

    /// Returns an update to a failed status, with the reason.
    pub fn failed(
        id: NotificationId,
        status: NotificationStatus,
        problem: impl Into<String>,
    ) -> Self {
        Self {
            problem: Some(problem.into()),
            ..Self::new(id, status)
        }
    }
}

/// What became of status updates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppliedUpdates {
    /// How many were applied.
    pub count: u64,
    /// Those of them that gave a notification its final status.
    pub finals: Vec<FinalStatus>,
}

/// The final status that a notification was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinalStatus {
    /// Notification.
    pub id: NotificationId,
    /// Service that sent it.
    pub service_id: ServiceId,
    /// Channel that it was sent through.
    pub channel: Channel,
    /// Final status.
    pub status: NotificationStatus,
    /// When a provider accepted it, if one did.
    pub sent_at: Option<Timestamp>,
    /// When the status changed.
    pub at: Timestamp,
}

/// Applies status updates, each only if the transition is allowed. Returns how many were applied, and the final statuses,
/// of which services are to be told.
pub async fn apply(
    tx: &mut Tx,
    updates: &[StatusUpdate],
    at: Timestamp,
) -> Result<AppliedUpdates, Error> {
    let mut by_status: BTreeMap<NotificationStatus, Vec<&StatusUpdate>> = BTreeMap::new();
    for update in updates {
        // One statement for each status: the allowed earlier statuses differ.
        by_status.entry(update.status).or_default().push(update);
    }
    let mut applied = AppliedUpdates::default();
    for (status, updates) in by_status {
        let (sql, args) = same_status_statement(tx, status, &updates, at);
        if !status.is_final() {
            applied.count += tx.execute(sql, args).await?;
            continue;
        }
        let sql = format!("{sql} {RETURNING_FINAL}");
        for row in tx.fetch_all(sql, args).await? {
            applied.count += 1;
            applied.finals.push(parse_final(&row, status, at)?);
        }
    }
    Ok(applied)
}

/// Returns from an `UPDATE` what [`parse_final`] reads.
const RETURNING_FINAL: &str = "RETURNING notifications.id, notifications.service_id, notifications.notification_type, notifications.sent_at";

fn parse_final(row: &Row, status: NotificationStatus, at: Timestamp) -> Result<FinalStatus, Error> {
    Ok(FinalStatus {
        id: row.get("id")?,
        service_id: row.get("service_id")?,
        channel: row.parse("notifications", "notification_type")?,
        status,
        sent_at: row.get("sent_at")?,
        at,
    })
}

/// Types of the columns in which a status update is passed.
const UPDATE_COLUMNS: [ColumnType; 6] = [
    ColumnType::Id,
    ColumnType::Time,
    ColumnType::Text,
    ColumnType::Text,
    ColumnType::Int,
    ColumnType::Text,
];

fn same_status_statement(
    tx: &Tx,
    next: NotificationStatus,
    updates: &[&StatusUpdate],
    at: Timestamp,
) -> (String, Vec<Arg>) {
    let from: Vec<&str> = NotificationStatus::sources_of(next)
        .map(NotificationStatus::as_str)
        .collect();
    let mut args = args![next, at];
    let allowed = parameters(args.len() + 1, from.len());
    args.extend(from.into_iter().map(Arg::from));
    let pruned = tx.kind().within(
        "notifications.id",
        updates.iter().map(|update| update.id),
        &mut args,
    );
    let rows = updates.iter().map(|update| {
        [
            update.id.into(),
            update.sent_at.into(),
            update.sent_by.as_deref().into(),
            update.reference.as_deref().into(),
            update.billable_units.into(),
            update.problem.as_deref().into(),
        ]
    });
    let learnt = tx.kind().rows(UPDATE_COLUMNS, rows, &mut args);
    let condition = match next {
        // A provider recorded in `sent_by` may have the notification already, and a print run that has claimed a letter will
        // hand it over.
        NotificationStatus::Cancelled => {
            "AND notifications.sent_by IS NULL AND notifications.print_deadline IS NULL"
        }
        _ => "",
    };
    let waits = match next {
        // Only a letter becomes `created` later, once its PDF is checked: from now on it waits for the print run.
        NotificationStatus::Created => {
            "to_print_at = CASE WHEN notifications.key_type = 'normal' THEN notifications.created_at END,"
        }
        _ => "",
    };
    let sql = format!(
        // A receipt knows nothing of the sending, and must not clear it.
        "WITH learnt (id, sent_at, sent_by, reference, billable_units, problem) AS ({learnt}) \
         UPDATE notifications SET status = $1, updated_at = $2, {waits} \
         sent_at = COALESCE(learnt.sent_at, notifications.sent_at), \
         sent_by = COALESCE(learnt.sent_by, notifications.sent_by), \
         reference = COALESCE(learnt.reference, notifications.reference), \
         billable_units = COALESCE(learnt.billable_units, notifications.billable_units), \
         problem = learnt.problem \
         FROM learnt WHERE notifications.id = learnt.id AND notifications.status IN ({allowed}){pruned} {condition}"
    );
    (sql, args)
}

/// Records the size of a letter's pages, once, and counts them as stored.
pub async fn set_file_bytes(
    tx: &mut Tx,
    service: ServiceId,
    id: NotificationId,
    bytes: i64,
) -> Result<(), Error> {
    let changed = tx
        .execute(
            "UPDATE notifications SET file_bytes = $3 WHERE service_id = $1 AND id = $2 AND file_bytes = 0",
            args![service, id, bytes],
        )
        .await?;
    let accepted = domain::generated_at(id.as_uuid()).unwrap_or_default();
    if changed == 1 {
        let what = Stored::Messages(Channel::Letter, accepted.utc_day());
        stored_bytes::add(tx, service, what, bytes).await?;
    }
    Ok(())
}

/// Stores the units of texts that a provider was called with, where none are stored, whatever came of the calls.
pub async fn set_billable_units(tx: &mut Tx, units: &[(NotificationId, u32)]) -> Result<(), Error> {
    for (id, units) in units {
        tx.execute(
            "UPDATE notifications SET billable_units = $2 WHERE id = $1 AND billable_units = 0",
            args![*id, *units],
        )
        .await?;
    }
    Ok(())
}

/// Records the provider in `sent_by` before sending, so that a concurrent cancel fails. Returns false if the
/// notification is no longer `created`.
pub async fn set_provider(
    tx: &mut Tx,
    service: ServiceId,
    id: NotificationId,
    to: &str,
) -> Result<bool, Error> {
    let changed = tx
        .execute(
            "UPDATE notifications SET sent_by = $3 WHERE service_id = $1 AND id = $2 AND status = 'created'",
            args![service, id, to],
        )
        .await?;
    Ok(changed == 1)
}

/// Clears `sent_by` after the provider has confirmed that it does not have the notification.
pub async fn clear_provider(
    tx: &mut Tx,
    service: ServiceId,
    id: NotificationId,
) -> Result<(), Error> {
    tx.execute(
        "UPDATE notifications SET sent_by = NULL WHERE service_id = $1 AND id = $2 AND status = 'created'",
        args![service, id],
    )
    .await?;
    Ok(())
}
