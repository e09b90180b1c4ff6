//! History of notifications after their retention has ended: which service sent what kind of notification when, and
//! its final status, for statistics and billing. It holds no personal data, and nothing that test keys sent
//! (`docs/spec/workers.md` §14.1).

use std::collections::BTreeMap;

use domain::{
    Channel, JobOrigin, KeyType, NotificationId, NotificationStatus, ServiceId, TemplateId,
    Timestamp,
};

use crate::{
    Error, Session, Tx, attempts,
    db::{Arg, Row, args, parameters},
    notifications::StatusUpdate,
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
        // Locked, or a report that is applied between copying and deleting would be lost.
        "INSERT INTO notification_history ({COLUMNS}) SELECT {COLUMNS} FROM notifications WHERE {chosen} {} \
         ON CONFLICT (id) DO NOTHING",
        tx.kind().for_update()
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

/// Line of history, as far as a late receipt or a link needs it.
#[derive(Debug, Clone)]
pub struct HistoryLine {
    /// Id of the notification.
    pub id: NotificationId,
    /// Service that sent it.
    pub service_id: ServiceId,
    /// Channel that it was sent through.
    pub channel: Channel,
    /// Last status.
    pub status: NotificationStatus,
    /// Template that it was rendered from.
    pub template_id: TemplateId,
    /// Version of the template.
    pub template_version: u32,
    /// Whether it was international.
    pub international: bool,
    /// Country prefix that determined the rate.
    pub phone_prefix: Option<String>,
    /// Fragments or sheets.
    pub billable_units: u32,
    /// Provider that accepted it.
    pub sent_by: Option<String>,
    /// Id that the provider used for it.
    pub reference: Option<String>,
    /// Reference given by the service.
    pub client_reference: Option<String>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When its status last changed.
    pub updated_at: Option<Timestamp>,
}

const LINE: &str = "id, service_id, notification_type, status, template_id, template_version, international, phone_prefix, \
                    billable_units, sent_by, reference, client_reference, created_at, updated_at";

/// Returns those of `ids` that are in the history, of any service.
pub async fn list_by_id(
    session: &mut Session,
    ids: &[NotificationId],
) -> Result<Vec<HistoryLine>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT {LINE} FROM notification_history WHERE id IN ({})",
        parameters(1, ids.len())
    );
    let args = ids.iter().copied().map(Arg::from).collect();
    let rows = session.fetch_all(sql, args).await?;
    rows.iter().map(parse_line).collect()
}

/// Returns the e-mails in the history to which their provider gave one of these references, of any service.
pub async fn list_emails_by_reference(
    session: &mut Session,
    references: &[&str],
) -> Result<Vec<HistoryLine>, Error> {
    if references.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT {LINE} FROM notification_history WHERE notification_type = 'email' AND reference IN ({})",
        parameters(1, references.len())
    );
    let args = references.iter().map(|one| Arg::from(*one)).collect();
    let rows = session.fetch_all(sql, args).await?;
    rows.iter().map(parse_line).collect()
}

/// Applies the statuses of late receipts to the history, each only if the transition is allowed. Returns the ids of those
/// that were applied.
pub async fn apply(
    tx: &mut Tx,
    updates: impl Iterator<Item = &StatusUpdate> + Send,
    at: Timestamp,
) -> Result<Vec<NotificationId>, Error> {
    let mut changed = Vec::new();
    // Late receipts are rare, so each is a statement of its own.
    for update in updates {
        let from: Vec<&str> = NotificationStatus::sources_of(update.status)
            .map(NotificationStatus::as_str)
            .collect();
        let mut args = args![update.id, update.status, at, update.sent_by.as_deref()];
        let allowed = parameters(args.len() + 1, from.len());
        args.extend(from.into_iter().map(Arg::from));
        let sql = format!(
            "UPDATE notification_history SET status = $2, updated_at = $3, sent_by = COALESCE(sent_by, $4) \
             WHERE id = $1 AND status IN ({allowed})"
        );
        if tx.execute(sql, args).await? == 1 {
            changed.push(update.id);
        }
    }
    Ok(changed)
}

fn parse_line(row: &Row) -> Result<HistoryLine, Error> {
    const TABLE: &str = "notification_history";
    Ok(HistoryLine {
        id: row.get("id")?,
        service_id: row.get("service_id")?,
        channel: row.parse(TABLE, "notification_type")?,
        status: row.parse(TABLE, "status")?,
        template_id: row.get("template_id")?,
        template_version: row.get_u32(TABLE, "template_version")?,
        international: row.get("international")?,
        phone_prefix: row.get("phone_prefix")?,
        billable_units: row.get_u32(TABLE, "billable_units")?,
        sent_by: row.get("sent_by")?,
        reference: row.get("reference")?,
        client_reference: row.get("client_reference")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}

fn chosen(tx: &Tx, service: ServiceId, ids: &[NotificationId]) -> (String, Vec<Arg>) {
    let mut args = args![service];
    let list = parameters(args.len() + 1, ids.len());
    args.extend(ids.iter().copied().map(Arg::from));
    // The ids of a batch were accepted within a few days, so most partitions can be skipped.
    let pruned = tx.kind().within("id", ids.iter().copied(), &mut args);
    (format!("service_id = $1 AND id IN ({list}){pruned}"), args)
}
