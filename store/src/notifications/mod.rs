//! Notifications: the most used table. Rows are inserted in batches, personal data is sealed before the transaction
//! begins, and a status changes only by a compare-and-set with the condition that `domain` gives.

mod contents;
mod contents_replacement;
mod failed_letters;
mod failure_rate;
mod job_rows;
mod letter_references;
mod new;
mod reported;
mod status_update;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    ops::ControlFlow,
};

use domain::{
    Channel, JobId, KeyType, NotificationId, NotificationStatus, Postage, ServiceId, TemplateId,
    Timestamp, UserId,
};

use crate::{
    Error, Keyring, Session,
    db::{Arg, ColumnType, Row, args, parameters},
};

pub use contents::Contents;
pub use contents_replacement::{
    LetterAddress, erase, list_by_channel, list_letters, list_sealed, replace_sealed,
    set_letter_address,
};
pub use failed_letters::{FailedLetter, list_failed_letters, restart_check};
pub use failure_rate::{FailureRate, measure_failures};
pub use job_rows::{cancel_rows, count_by_status, list_row_numbers};
pub use new::{NewNotification, SealedContents, SealedRow, insert_many};
pub use reported::{
    MIN_REFERENCE_LENGTH, ReportedNotification, list_reported, list_reported_by_reference,
};
pub use status_update::{
    AppliedUpdates, FinalStatus, StatusUpdate, apply, clear_provider, set_billable_units,
    set_file_bytes, set_provider,
};

/// Notification as stored; its personal data stays sealed until [`Notification::open`].
#[derive(Debug, Clone)]
pub struct Notification {
    /// Primary key; its time is when the notification was accepted.
    pub id: NotificationId,
    /// Service that sent it.
    pub service_id: ServiceId,
    /// Job that it is a row of.
    pub job_id: Option<JobId>,
    /// Row number within the job, counted from 0.
    pub job_row_number: Option<u32>,
    /// Template that it is rendered from.
    pub template_id: TemplateId,
    /// Version of the template.
    pub template_version: u32,
    /// Type of the API key it was sent with; `normal` for jobs.
    pub key_type: KeyType,
    /// Channel that it is sent through.
    pub channel: Channel,
    /// Current status; changed only by [`apply`].
    pub status: NotificationStatus,
    sealed: Vec<u8>,
    /// Reference given by the service.
    pub client_reference: Option<String>,
    /// Sender or reply-to address as text.
    pub reply_to_text: Option<String>,
    /// Whether it is international.
    pub international: bool,
    /// Country prefix that determines the rate.
    pub phone_prefix: Option<String>,
    /// Multiple of the domestic rate.
    pub rate_multiplier: Option<u32>,
    /// Fragments of a text message or sheets of a letter; 0 until they are known.
    pub billable_units: u32,
    /// Postage class of a letter.
    pub postage: Option<Postage>,
    /// Id that the provider uses for it; for a letter, the reference printed on it.
    pub reference: Option<String>,
    /// Number of files sent with an e-mail.
    pub documents: u32,
    /// User who sent it by hand or created its job.
    pub created_by: Option<UserId>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When a provider accepted it.
    pub sent_at: Option<Timestamp>,
    /// When its status last changed.
    pub updated_at: Option<Timestamp>,
    /// Provider that accepted it. While a letter is still `created`: provider that may have it without having
    /// confirmed.
    pub sent_by: Option<String>,
    /// Why it failed, if known.
    pub problem: Option<String>,
    /// Deadline of the print run that has claimed this letter.
    pub print_deadline: Option<Timestamp>,
}

impl Notification {
    /// Decrypts the personal data.
    pub fn open(&self, keyring: &Keyring) -> Result<Contents, Error> {
        let plain = keyring.open(self.id.as_uuid().as_bytes(), &self.sealed)?;
        serde_json::from_slice(&plain).map_err(|error| Error::Corrupt {
            table: "notifications",
            column: "sealed",
            what: format!("{error} ({})", self.id),
        })
    }
}

const COLUMNS: &str = "id, service_id, job_id, job_row_number, template_id, template_version, key_type, \
                       notification_type, status, sealed, client_reference, reply_to_text, international, \
                       phone_prefix, rate_multiplier, billable_units, postage, reference, documents, created_by, created_at, \
                       sent_at, updated_at, sent_by, problem, print_deadline";

/// Returns a notification of a service.
pub async fn find(
    session: &mut Session,
    service: ServiceId,
    id: NotificationId,
) -> Result<Option<Notification>, Error> {
    let row = session
        .fetch_optional(
            format!("SELECT {COLUMNS} FROM notifications WHERE id = $2 AND service_id = $1"),
            args![service, id],
        )
        .await?;
    row.as_ref().map(parse_notification).transpose()
}

/// Returns a notification of any service, for receipts and links, which know the notification but not its service.
pub async fn find_for_any_service(
    session: &mut Session,
    id: NotificationId,
) -> Result<Option<Notification>, Error> {
    let row = session
        .fetch_optional(
            format!("SELECT {COLUMNS} FROM notifications WHERE id = $1"),
            args![id],
        )
        .await?;
    row.as_ref().map(parse_notification).transpose()
}

/// Returns which of `ids` are stored, of any service; those that retention has archived too.
pub async fn list_existing(
    session: &mut Session,
    ids: &[NotificationId],
) -> Result<BTreeSet<NotificationId>, Error> {
    let mut found = BTreeSet::new();
    for table in ["notifications", "notification_history"] {
        let mut args = Vec::new();
        let kind = session.kind();
        let condition = kind.one_of("id", ColumnType::Id, ids.iter().copied(), &mut args);
        let sql = format!("SELECT id FROM {table} WHERE {condition}");
        for row in session.fetch_all(sql, args).await? {
            found.insert(row.get("id")?);
        }
    }
    Ok(found)
}

/// Conditions of a notification list. The default selects everything that was not sent by a job.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only those sent with this type of key.
    pub key_type: Option<KeyType>,
    /// Include the rows of jobs.
    pub include_jobs: bool,
    /// Only those in one of these statuses; empty for any.
    pub statuses: Vec<NotificationStatus>,
    /// Only those of these channels; empty for any.
    pub channels: Vec<Channel>,
    /// Only those with this reference of the service.
    pub client_reference: Option<String>,
    /// Only those created before this one.
    pub older_than: Option<(Timestamp, NotificationId)>,
}

impl Filter {
    /// Returns the conditions, each beginning with `AND`, and appends their arguments to `args`.
    fn conditions(&self, args: &mut Vec<Arg>) -> String {
        let mut sql = String::new();
        if !self.include_jobs {
            sql.push_str(" AND job_id IS NULL");
        }
        if let Some(key_type) = self.key_type {
            args.push(key_type.into());
            let _ = write!(sql, " AND key_type = ${}", args.len());
        }
        if !self.statuses.is_empty() {
            let statuses = parameters(args.len() + 1, self.statuses.len());
            let _ = write!(sql, " AND status IN ({statuses})");
            args.extend(self.statuses.iter().copied().map(Arg::from));
        }
        if !self.channels.is_empty() {
            let channels = parameters(args.len() + 1, self.channels.len());
            let _ = write!(sql, " AND notification_type IN ({channels})");
            args.extend(self.channels.iter().copied().map(Arg::from));
        }
        if let Some(reference) = &self.client_reference {
            args.push(reference.as_str().into());
            let _ = write!(sql, " AND client_reference = ${}", args.len());
        }
        if let Some((created_at, id)) = self.older_than {
            let first = args.len() + 1;
            // Both columns, because many notifications share a timestamp.
            let _ = write!(sql, " AND (created_at, id) < (${first}, ${})", first + 1);
            args.extend(args![created_at, id]);
        }
        sql
    }
}

/// Returns up to `count` notifications of a service that match the filter, newest first; fewer if they are large, but at
/// least one.
pub async fn list(
    session: &mut Session,
    service: ServiceId,
    filter: &Filter,
    count: u32,
) -> Result<Vec<Notification>, Error> {
    let mut args = args![service, count];
    let conditions = filter.conditions(&mut args);
    let sql = format!(
        "SELECT {COLUMNS} FROM notifications WHERE service_id = $1{conditions} \
         ORDER BY created_at DESC, id DESC LIMIT $2"
    );
    session.fetch_page(sql, args, parse_sized).await
}

fn parse_sized(row: &Row) -> Result<(Notification, usize), Error> {
    let notification = parse_notification(row)?;
    let bytes = notification.sealed.len();
    Ok((notification, bytes))
}

/// Returns those of `ids` that are still waiting to be sent, in the order of `ids`.
pub async fn list_created(
    session: &mut Session,
    ids: &[NotificationId],
) -> Result<Vec<Notification>, Error> {
    list_matching(session, ids, "AND status = 'created'").await
}

/// Returns those of `ids`, all letters, that may still need work, in the order of `ids`: those waiting to be checked
/// or sent, and those of a test key, which count as delivered before their PDF exists.
pub async fn list_created_letters(
    session: &mut Session,
    ids: &[NotificationId],
) -> Result<Vec<Notification>, Error> {
    let with_work = "AND (status IN ('created', 'pending-virus-check') \
                     OR (status IN ('sending', 'delivered') AND key_type = 'test'))";
    list_matching(session, ids, with_work).await
}

/// Passes those of `ids` that a service has to `visit`, in any order, one after the other: unlike a list, they are not in
/// memory together.
pub async fn visit(
    session: &mut Session,
    service: ServiceId,
    ids: &[NotificationId],
    mut visit: impl FnMut(Notification) + Send,
) -> Result<(), Error> {
    if ids.is_empty() {
        return Ok(());
    }
    let mut args = args![service];
    let list = parameters(args.len() + 1, ids.len());
    args.extend(ids.iter().copied().map(Arg::from));
    let pruned = session.kind().within("id", ids.iter().copied(), &mut args);
    let sql = format!(
        "SELECT {COLUMNS} FROM notifications WHERE service_id = $1 AND id IN ({list}){pruned}"
    );
    let pass = |row| {
        visit(parse_notification(&row)?);
        Ok(ControlFlow::Continue(()))
    };
    session.fetch_until(sql, args, pass).await
}

/// Returns those of `ids` that meet the condition, in the order of `ids`.
async fn list_matching(
    session: &mut Session,
    ids: &[NotificationId],
    condition: &str,
) -> Result<Vec<Notification>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut args = Vec::new();
    let chosen = session
        .kind()
        .one_of("id", ColumnType::Id, ids.iter().copied(), &mut args);
    let pruned = session.kind().within("id", ids.iter().copied(), &mut args);
    let sql = format!("SELECT {COLUMNS} FROM notifications WHERE {chosen}{pruned} {condition}");
    let rows = session.fetch_all(sql, args).await?;
    // The database returns them in any order, and a batch is sent in the order of its task.
    let mut found: BTreeMap<NotificationId, Notification> = rows
        .iter()
        .map(|row| parse_notification(row).map(|one| (one.id, one)))
        .collect::<Result<_, _>>()?;
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}

/// Notification that waits, or whose provider has not reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StuckNotification {
    /// Id of the notification.
    pub id: NotificationId,
    /// Channel that it is sent through.
    pub channel: Channel,
    /// Type of the key that it was sent with.
    pub key_type: KeyType,
    /// Current status.
    pub status: NotificationStatus,
    /// Whether a print run has claimed it.
    pub is_claimed: bool,
    /// When it was accepted.
    pub created_at: Timestamp,
}

/// Returns up to `count` notifications of a service that are of these channels, were accepted between the two times,
/// and are still in one of these statuses, oldest first. The first time may be that of a notification found before,
/// together with its id; then the list continues after it. Letters that wait for a print run, or that are in a batch of one,
/// are left out.
pub async fn list_stuck(
    session: &mut Session,
    service: ServiceId,
    channels: &[Channel],
    statuses: &[NotificationStatus],
    ((after, last), before): ((Timestamp, NotificationId), Timestamp),
    count: u32,
) -> Result<Vec<StuckNotification>, Error> {
    session.allow_long_statements();
    let mut args = args![service, after, before, count, last];
    let sql = format!(
        "SELECT id, notification_type, key_type, status, print_deadline, created_at FROM notifications \
         WHERE service_id = $1 AND created_at >= $2 \
         AND (created_at, id) > ($2, $5) AND created_at < $3 AND notification_type IN ({}) AND status IN ({}) \
         AND to_print_at IS NULL AND (print_deadline IS NULL OR NOT EXISTS \
         (SELECT 1 FROM print_batch_letters WHERE notification_id = notifications.id)) \
         ORDER BY created_at, id LIMIT $4",
        parameters(args.len() + 1, channels.len()),
        parameters(args.len() + 1 + channels.len(), statuses.len())
    );
    args.extend(channels.iter().copied().map(Arg::from));
    args.extend(statuses.iter().copied().map(Arg::from));
    session
        .fetch_all(sql, args)
        .await?
        .iter()
        .map(|row| {
            let claimed: Option<Timestamp> = row.get("print_deadline")?;
            Ok(StuckNotification {
                id: row.get("id")?,
                channel: row.parse("notifications", "notification_type")?,
                key_type: row.parse("notifications", "key_type")?,
                status: row.parse("notifications", "status")?,
                is_claimed: claimed.is_some(),
                created_at: row.get("created_at")?,
            })
        })
        .collect()
}

fn parse_notification(row: &Row) -> Result<Notification, Error> {
    const TABLE: &str = "notifications";
    Ok(Notification {
        id: row.get("id")?,
        service_id: row.get("service_id")?,
        job_id: row.get("job_id")?,
        job_row_number: row.get_optional_u32(TABLE, "job_row_number")?,
        template_id: row.get("template_id")?,
        template_version: row.get_u32(TABLE, "template_version")?,
        key_type: row.parse(TABLE, "key_type")?,
        channel: row.parse(TABLE, "notification_type")?,
        status: row.parse(TABLE, "status")?,
        sealed: row.get("sealed")?,
        client_reference: row.get("client_reference")?,
        reply_to_text: row.get("reply_to_text")?,
        international: row.get("international")?,
        phone_prefix: row.get("phone_prefix")?,
        rate_multiplier: row.get_optional_u32(TABLE, "rate_multiplier")?,
        billable_units: row.get_u32(TABLE, "billable_units")?,
        postage: row.parse_optional(TABLE, "postage")?,
        reference: row.get("reference")?,
        documents: row.get_u32(TABLE, "documents")?,
        created_by: row.get("created_by")?,
        created_at: row.get("created_at")?,
        sent_at: row.get("sent_at")?,
        updated_at: row.get("updated_at")?,
        sent_by: row.get("sent_by")?,
        print_deadline: row.get("print_deadline")?,
        problem: row.get("problem")?,
    })
}
