//! Notifications: the hot table. Rows are put in batches, what is personal is sealed before a transaction begins, and
//! a status changes only by compare-and-set with the condition that `domain` gives.

mod contents;
mod contents_replacement;
mod job_rows;
mod new;
mod status_update;

use std::{collections::BTreeMap, fmt::Write as _};

use domain::{
    Channel, JobId, KeyType, NotificationId, NotificationStatus, Postage, ServiceId, TemplateId,
    Timestamp, UserId,
};

use crate::{
    Error, Keyring, Session,
    db::{Arg, Row, args, parameters},
};

pub use contents::Contents;
pub use contents_replacement::{erase, list_letters, list_of_channel, list_sealed, replace_sealed};
pub use job_rows::{cancel_rows, count_by_status, list_row_numbers};
pub use new::{NewNotification, SealedRow, insert_many};
pub use status_update::{StatusUpdate, apply, clear_provider, set_provider};

/// A message as it is kept.
#[derive(Debug, Clone)]
pub struct Notification {
    /// Which.
    pub id: NotificationId,
    /// Whose.
    pub service_id: ServiceId,
    /// The job it came from.
    pub job_id: Option<JobId>,
    /// And its row there, counted from 0.
    pub job_row_number: Option<u32>,
    /// What it is made from.
    pub template_id: TemplateId,
    /// In which version.
    pub template_version: u32,
    /// The type of the key it was sent with.
    pub key_type: KeyType,
    /// How it travels.
    pub channel: Channel,
    /// What has become of it.
    pub status: NotificationStatus,
    sealed: Vec<u8>,
    /// The service's own reference.
    pub client_reference: Option<String>,
    /// The sender or reply-to address as text.
    pub reply_to_text: Option<String>,
    /// Goes abroad.
    pub international: bool,
    /// The prefix that is billed.
    pub phone_prefix: Option<String>,
    /// How many times the home rate.
    pub rate_multiplier: Option<u32>,
    /// Fragments of a text, sheets of a letter; 0 until they are known.
    pub billable_units: u32,
    /// Letters: how they travel.
    pub postage: Option<Postage>,
    /// The provider's own id for it; of a letter the reference that is printed on it.
    pub reference: Option<String>,
    /// E-mails: how many files went with them.
    pub documents: u32,
    /// Who sent it by hand or by job.
    pub created_by: Option<UserId>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it was handed over.
    pub sent_at: Option<Timestamp>,
    /// When its status last changed.
    pub updated_at: Option<Timestamp>,
    /// The provider that took it; of a letter that waits, one who may have it without having said so.
    pub sent_by: Option<String>,
    /// Why it failed, in words, if we know.
    pub problem: Option<String>,
}

impl Notification {
    /// Opens what is personal.
    pub fn open(&self, vault: &Keyring) -> Result<Contents, Error> {
        let plain = vault.open(self.id.as_uuid().as_bytes(), &self.sealed)?;
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
                       sent_at, updated_at, sent_by, problem";

/// A message of a service.
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
    row.as_ref().map(notification).transpose()
}

/// A message, whosever it is: for what comes in from outside, which knows the message and not the service.
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
    row.as_ref().map(notification).transpose()
}

/// Which messages of a service to list. The default: all that were not sent by a job.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only those sent with this type of key.
    pub key_type: Option<KeyType>,
    /// Those of jobs too.
    pub include_jobs: bool,
    /// Only those in one of these statuses; empty: any.
    pub statuses: Vec<NotificationStatus>,
    /// Only those that travel so; empty: any.
    pub channels: Vec<Channel>,
    /// Only those with this reference of the service's own.
    pub client_reference: Option<String>,
    /// Only those before this one.
    pub older_than: Option<(Timestamp, NotificationId)>,
}

impl Filter {
    /// Its conditions, each after an `AND`; what they compare with comes behind the arguments that are there.
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
            let _ = write!(sql, " AND (created_at, id) < (${first}, ${})", first + 1);
            args.extend(args![created_at, id]);
        }
        sql
    }
}

/// The messages of a service that pass the filter, newest first, at most `count`.
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
    session
        .fetch_all(sql, args)
        .await?
        .iter()
        .map(notification)
        .collect()
}

/// Those of `ids` that still wait to be handed over; the others are dealt with or gone. In the order of `ids`.
pub async fn list_created(
    session: &mut Session,
    ids: &[NotificationId],
) -> Result<Vec<Notification>, Error> {
    list_those(session, ids, "AND status = 'created'").await
}

/// Those of `ids` – letters – with which there may be something to do: those that wait to be checked or handed over, and
/// those with a test key, which count as delivered before they have pages. In the order of `ids`.
pub async fn list_created_letters(
    session: &mut Session,
    ids: &[NotificationId],
) -> Result<Vec<Notification>, Error> {
    let with_work = "AND (status IN ('created', 'pending-virus-check') \
                     OR (status IN ('sending', 'delivered') AND key_type = 'test'))";
    list_those(session, ids, with_work).await
}

/// Those of `ids` that are there, whosever they are. In the order of `ids`.
pub async fn list_by_id(
    session: &mut Session,
    ids: &[NotificationId],
) -> Result<Vec<Notification>, Error> {
    list_those(session, ids, "").await
}

/// Those of `ids` that meet the condition, in the order of `ids`.
async fn list_those(
    session: &mut Session,
    ids: &[NotificationId],
    condition: &str,
) -> Result<Vec<Notification>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM notifications WHERE id IN ({}) {condition}",
        parameters(1, ids.len())
    );
    let rows = session
        .fetch_all(sql, ids.iter().copied().map(Arg::from).collect())
        .await?;
    let mut found: BTreeMap<NotificationId, Notification> = rows
        .iter()
        .map(|row| notification(row).map(|one| (one.id, one)))
        .collect::<Result<_, _>>()?;
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}

/// Messages of a service that travel so, were accepted between the two moments and are still in one of these statuses,
/// oldest first, at most `count`; with how each travels and when it was accepted. The first moment may be that of a
/// message that was found before, with its id: then those after it.
pub async fn list_stuck(
    session: &mut Session,
    service: ServiceId,
    channels: &[Channel],
    statuses: &[NotificationStatus],
    ((after, last), before): ((Timestamp, NotificationId), Timestamp),
    count: u32,
) -> Result<Vec<(NotificationId, Channel, Timestamp)>, Error> {
    let mut args = args![service, after, before, count, last];
    let sql = format!(
        "SELECT id, notification_type, created_at FROM notifications WHERE service_id = $1 AND created_at >= $2 \
         AND (created_at, id) > ($2, $5) AND created_at < $3 AND notification_type IN ({}) AND status IN ({}) \
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
            let channel = row.word("notifications", "notification_type")?;
            Ok((row.get("id")?, channel, row.get("created_at")?))
        })
        .collect()
}

fn notification(row: &Row) -> Result<Notification, Error> {
    const TABLE: &str = "notifications";
    let count = |column, value: Option<i64>| {
        value
            .map(|number| {
                u32::try_from(number).map_err(|_| Error::Corrupt {
                    table: TABLE,
                    column,
                    what: format!("{number} is no count"),
                })
            })
            .transpose()
    };
    Ok(Notification {
        id: row.get("id")?,
        service_id: row.get("service_id")?,
        job_id: row.get("job_id")?,
        job_row_number: count("job_row_number", row.get("job_row_number")?)?,
        template_id: row.get("template_id")?,
        template_version: row.count(TABLE, "template_version")?,
        key_type: row.word(TABLE, "key_type")?,
        channel: row.word(TABLE, "notification_type")?,
        status: row.word(TABLE, "status")?,
        sealed: row.get("sealed")?,
        client_reference: row.get("client_reference")?,
        reply_to_text: row.get("reply_to_text")?,
        international: row.get("international")?,
        phone_prefix: row.get("phone_prefix")?,
        rate_multiplier: count("rate_multiplier", row.get("rate_multiplier")?)?,
        billable_units: row.count(TABLE, "billable_units")?,
        postage: row.optional_word(TABLE, "postage")?,
        reference: row.get("reference")?,
        documents: row.count(TABLE, "documents")?,
        created_by: row.get("created_by")?,
        created_at: row.get("created_at")?,
        sent_at: row.get("sent_at")?,
        updated_at: row.get("updated_at")?,
        sent_by: row.get("sent_by")?,
        problem: row.get("problem")?,
    })
}
