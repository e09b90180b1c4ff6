//! History of notifications after their retention has ended: which service sent what kind of notification when, and
//! its final status, for statistics and billing. It holds no personal data, and nothing that test keys sent
//! (`docs/spec/workers.md` §14.1).

use std::collections::BTreeMap;

use domain::{
    Channel, JobOrigin, KeyType, NotificationId, NotificationStatus, ServiceId, Timestamp,
};

use crate::{
    Error, Session, Tx, attempts,
    db::{Arg, args, parameters},
    rows_of_job,
};

/// Columns kept in the history; they have the same names in both tables.
pub(crate) const COLUMNS: &str = "id, service_id, job_id, job_row_number, template_id, template_version, api_key_id, \
                                  key_type, notification_type, status, client_reference, international, phone_prefix, \
                                  rate_multiplier, billable_units, postage, documents, created_by, created_at, sent_at, \
                                  updated_at, sent_by, reference";

/// Statuses of letters that are still to be printed, whatever their age.
const UNPRINTED: &str = "('pending-virus-check', 'created', 'sending')";

/// Returns the retention in days of each service and channel that has its own.
pub async fn list_retentions(
    session: &mut Session,
) -> Result<Vec<((ServiceId, Channel), u32)>, Error> {
    session
        .fetch_all(
            "SELECT service_id, notification_type, days_of_retention FROM data_retention",
            args![],
        )
        .await?
        .iter()
        .map(|row| {
            let channel = row.parse("data_retention", "notification_type")?;
            let days = row.get_u32("data_retention", "days_of_retention")?;
            Ok(((row.get("service_id")?, channel), days))
        })
        .collect()
}

/// Returns up to `count` notifications of a service and channel created before `before`, oldest first: either those
/// of test keys or all others. Letters that are not printed yet are left out.
pub async fn list_expired(
    session: &mut Session,
    service: ServiceId,
    channel: Channel,
    of_test_keys: bool,
    before: Timestamp,
    count: u32,
) -> Result<Vec<NotificationId>, Error> {
    session.allow_long_statements();
    // Test keys have a retention of their own and leave no history.
    let key_type = if of_test_keys { "=" } else { "<>" };
    let printed = match channel {
        // Deleting an unprinted letter would lose it: the print run reads it from this table.
        Channel::Letter if !of_test_keys => format!("AND status NOT IN {UNPRINTED}"),
        _ => String::new(),
    };
    let sql = format!(
        "SELECT id FROM notifications WHERE service_id = $1 AND created_at < $2 AND notification_type = $3 \
         AND key_type {key_type} $4 {printed} ORDER BY created_at, id LIMIT $5"
    );
    session
        .fetch_all(sql, args![service, before, channel, KeyType::Test, count])
        .await?
        .iter()
        .map(|row| row.get("id"))
        .collect()
}

/// Copies notifications into the history, skipping those already there. Returns how many were copied.
pub async fn insert_from_notifications(
    tx: &mut Tx,
    service: ServiceId,
    ids: &[NotificationId],
) -> Result<u64, Error> {
    tx.allow_long_statements();
    let (chosen, args) = chosen(tx, service, ids);
    let sql = format!(
        // A run that was interrupted between copying and deleting copies the same rows again.
        "INSERT INTO notification_history ({COLUMNS}) SELECT {COLUMNS} FROM notifications WHERE {chosen} \
         ON CONFLICT (id) DO NOTHING"
    );
    tx.execute(sql, args).await
}

/// Deletes notifications for good, with their attempts. Returns how many there were.
pub async fn delete(tx: &mut Tx, service: ServiceId, ids: &[NotificationId]) -> Result<u64, Error> {
    tx.allow_long_statements();
    attempts::delete_of(tx, ids).await?;
    let (chosen, args) = chosen(tx, service, ids);
    tx.execute(format!("DELETE FROM notifications WHERE {chosen}"), args)
        .await
}

/// Returns how many rows of a job are in the history, by their final status.
pub async fn count_by_status(
    session: &mut Session,
    origin: &JobOrigin,
) -> Result<BTreeMap<NotificationStatus, u32>, Error> {
    rows_of_job::count_by_status(session, "notification_history", origin).await
}

/// Returns the row numbers of a job that are in the history, in order.
pub async fn list_row_numbers(
    session: &mut Session,
    origin: &JobOrigin,
) -> Result<Vec<u32>, Error> {
    rows_of_job::list_row_numbers(session, "notification_history", origin).await
}

fn chosen(tx: &Tx, service: ServiceId, ids: &[NotificationId]) -> (String, Vec<Arg>) {
    let mut args = args![service];
    let list = parameters(args.len() + 1, ids.len());
    args.extend(ids.iter().copied().map(Arg::from));
    // The ids of a batch were accepted within a few days, so most partitions can be skipped.
    let pruned = tx.kind().within("id", ids.iter().copied(), &mut args);
    (format!("service_id = $1 AND id IN ({list}){pruned}"), args)
}
