//! What is left of a message once its time is over: who sent what kind of message when, and what became of it, for
//! counting and billing. Nothing personal, and not what test keys sent (`docs/spec/workers.md` §14.1).

use std::collections::BTreeMap;

use domain::{
    Channel, JobOrigin, KeyType, NotificationId, NotificationStatus, ServiceId, Timestamp,
};

use crate::{
    Error, Session, Tx,
    db::{Arg, args, parameters},
};

/// The columns that are kept, by the names they have in both tables.
pub(crate) const COLUMNS: &str = "id, service_id, job_id, job_row_number, template_id, template_version, api_key_id, \
                                  key_type, notification_type, status, client_reference, international, phone_prefix, \
                                  rate_multiplier, billable_units, postage, documents, created_by, created_at, sent_at, \
                                  updated_at, sent_by, reference";

/// Letters in these statuses are still to be printed, whatever their age.
const UNPRINTED: &str = "('pending-virus-check', 'created', 'sending')";

/// For how many days messages are kept, where a service has said so.
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
            let channel = row.word("data_retention", "notification_type")?;
            let days = row.count("data_retention", "days_of_retention")?;
            Ok(((row.get("service_id")?, channel), days))
        })
        .collect()
}

/// The messages of a service and channel from before `before`, oldest first, at most `count`: those that went to
/// people, or those that test keys pretended to send. Letters that are not printed yet are never among them.
pub async fn list_expired(
    session: &mut Session,
    service: ServiceId,
    channel: Channel,
    of_test_keys: bool,
    before: Timestamp,
    count: u32,
) -> Result<Vec<NotificationId>, Error> {
    let key_type = if of_test_keys { "=" } else { "<>" };
    let printed = match channel {
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

/// Copies messages into the history, passing over those that are there; how many were copied.
pub async fn insert_from_notifications(
    tx: &mut Tx,
    service: ServiceId,
    ids: &[NotificationId],
) -> Result<u64, Error> {
    let (chosen, args) = chosen(tx, service, ids);
    let sql = format!(
        "INSERT INTO notification_history ({COLUMNS}) SELECT {COLUMNS} FROM notifications WHERE {chosen} \
         ON CONFLICT (id) DO NOTHING"
    );
    tx.execute(sql, args).await
}

/// Removes messages for good; how many there were.
pub async fn delete(tx: &mut Tx, service: ServiceId, ids: &[NotificationId]) -> Result<u64, Error> {
    let (chosen, args) = chosen(tx, service, ids);
    tx.execute(format!("DELETE FROM notifications WHERE {chosen}"), args)
        .await
}

/// How many rows of a job are lines of history, by their last status.
pub async fn count_by_status(
    session: &mut Session,
    origin: &JobOrigin,
) -> Result<BTreeMap<NotificationStatus, u32>, Error> {
    let rows = origin.rows();
    session
        .fetch_all(
            "SELECT status, count(*) AS number FROM notification_history \
             WHERE id BETWEEN $1 AND $2 AND job_id = $3 GROUP BY status",
            args![*rows.start(), *rows.end(), origin.job],
        )
        .await?
        .iter()
        .map(|row| {
            let status = row.word("notification_history", "status")?;
            Ok((status, row.count("notification_history", "number")?))
        })
        .collect()
}

/// The numbers of the rows of a job that are lines of history, in order.
pub async fn list_row_numbers(
    session: &mut Session,
    origin: &JobOrigin,
) -> Result<Vec<u32>, Error> {
    let rows = origin.rows();
    session
        .fetch_all(
            "SELECT job_row_number FROM notification_history \
             WHERE id BETWEEN $1 AND $2 AND job_id = $3 ORDER BY id",
            args![*rows.start(), *rows.end(), origin.job],
        )
        .await?
        .iter()
        .map(|row| row.count("notification_history", "job_row_number"))
        .collect()
}

fn chosen(tx: &Tx, service: ServiceId, ids: &[NotificationId]) -> (String, Vec<Arg>) {
    let mut args = args![service];
    let list = parameters(args.len() + 1, ids.len());
    args.extend(ids.iter().copied().map(Arg::from));
    let pruned = tx.kind().within("id", ids.iter().copied(), &mut args);
    (format!("service_id = $1 AND id IN ({list}){pruned}"), args)
}
