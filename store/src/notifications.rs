//! Notifications: the hot table. Rows are put in batches, what is personal is sealed before a transaction begins, and
//! a status changes only by compare-and-set with the condition that `domain` gives.

use std::{collections::BTreeMap, fmt::Write as _};

use domain::{
    ApiKeyId, Channel, JobId, JobOrigin, KeyType, NotificationId, NotificationStatus, Postage,
    Private, ServiceId, TemplateId, Timestamp, UserId,
};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Session, Tx, Vault,
    db::{Arg, ColumnType, Row, Table, args, parameters},
};

/// What is personal in a notification; sealed as one piece.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contents {
    /// The recipient as it was given (public-api §12.4).
    #[serde(rename = "to", with = "private")]
    pub recipient: Private<String>,
    /// The recipient for sending and comparing.
    #[serde(rename = "norm", with = "private")]
    pub normalised: Private<String>,
    /// The values of the placeholders, as they were given.
    #[serde(rename = "values", with = "private", default)]
    pub personalisation: Private<serde_json::Map<String, serde_json::Value>>,
    /// Where one click unsubscribes, if the service said.
    #[serde(rename = "unsub", default, skip_serializing_if = "Option::is_none")]
    pub unsubscribe_url: Option<String>,
}

impl Contents {
    /// What is left of a recipient who was erased.
    pub fn erased() -> Self {
        Self {
            recipient: String::new().into(),
            normalised: String::new().into(),
            personalisation: serde_json::Map::new().into(),
            unsubscribe_url: None,
        }
    }

    /// Whether its recipient was erased: no message is accepted to nobody.
    pub fn is_erased(&self) -> bool {
        self.recipient.reveal().is_empty() && self.normalised.reveal().is_empty()
    }
}

mod private {
    use domain::Private;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(
        value: &Private<T>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        value.reveal().serialize(to)
    }

    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Private<T>, D::Error> {
        T::deserialize(from).map(Private::new)
    }
}

/// A message to keep.
#[derive(Debug, Clone)]
pub struct NewNotification {
    /// Minted by us; a job's row has the one that is a function of both.
    pub id: NotificationId,
    /// Whose.
    pub service_id: ServiceId,
    /// The job and the row it came from, counted from 0.
    pub job_row: Option<(JobId, u32)>,
    /// What it is made from.
    pub template_id: TemplateId,
    /// In which version.
    pub template_version: u32,
    /// The key it was sent with; jobs have none.
    pub api_key_id: Option<ApiKeyId>,
    /// The type of that key; `normal` for jobs.
    pub key_type: KeyType,
    /// How it travels.
    pub channel: Channel,
    /// `created`, unless it can never be sent.
    pub status: NotificationStatus,
    /// What is personal.
    pub contents: Contents,
    /// The service's own reference.
    pub client_reference: Option<String>,
    /// The sender or reply-to address as text, at this moment.
    pub reply_to_text: Option<String>,
    /// Goes abroad.
    pub international: bool,
    /// The prefix that is billed.
    pub phone_prefix: Option<String>,
    /// How many times the home rate.
    pub rate_multiplier: Option<u32>,
    /// Letters: how they travel.
    pub postage: Option<Postage>,
    /// Letters: the reference that is printed on them.
    pub reference: Option<String>,
    /// E-mails: how many files went with them.
    pub documents: u32,
    /// Who sent it by hand or by job.
    pub created_by: Option<UserId>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// Why it can never be sent, if so.
    pub problem: Option<String>,
}

/// A message ready to be put: what is personal is sealed, so that no transaction waits for a cipher.
pub struct Sealed {
    /// Its id.
    pub id: NotificationId,
    row: Vec<Arg>,
}

impl Sealed {
    /// How much memory its contents take, about.
    pub fn size_bytes(&self) -> usize {
        self.row.iter().map(Arg::size_bytes).sum()
    }
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealed")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

static TABLE: Table = Table::new(
    "notifications",
    &[
        ("id", ColumnType::Id),
        ("service_id", ColumnType::Id),
        ("job_id", ColumnType::Id),
        ("job_row_number", ColumnType::Int),
        ("template_id", ColumnType::Id),
        ("template_version", ColumnType::Int),
        ("api_key_id", ColumnType::Id),
        ("key_type", ColumnType::Text),
        ("notification_type", ColumnType::Text),
        ("status", ColumnType::Text),
        ("sealed", ColumnType::Bytes),
        ("client_reference", ColumnType::Text),
        ("reply_to_text", ColumnType::Text),
        ("international", ColumnType::Bool),
        ("phone_prefix", ColumnType::Text),
        ("rate_multiplier", ColumnType::Int),
        ("billable_units", ColumnType::Int),
        ("postage", ColumnType::Text),
        ("reference", ColumnType::Text),
        ("documents", ColumnType::Int),
        ("created_by", ColumnType::Id),
        ("created_at", ColumnType::Time),
        ("updated_at", ColumnType::Time),
        ("problem", ColumnType::Text),
    ],
);

impl NewNotification {
    /// Seals what is personal.
    pub fn seal(self, vault: &Vault) -> Sealed {
        let sealed = seal(vault, self.id, &self.contents);
        let waits = matches!(
            self.status,
            NotificationStatus::Created | NotificationStatus::PendingVirusCheck
        );
        let updated_at = (!waits).then_some(self.created_at);
        let row = args![
            self.id,
            self.service_id,
            self.job_row.map(|(job, _)| job),
            self.job_row.map(|(_, row)| row),
            self.template_id,
            self.template_version,
            self.api_key_id,
            self.key_type,
            self.channel,
            self.status,
            sealed,
            self.client_reference,
            self.reply_to_text,
            self.international,
            self.phone_prefix,
            self.rate_multiplier,
            0i64,
            self.postage.map(Postage::as_str),
            self.reference,
            self.documents,
            self.created_by,
            self.created_at,
            updated_at,
            self.problem,
        ];
        Sealed { id: self.id, row }
    }
}

fn seal(vault: &Vault, id: NotificationId, contents: &Contents) -> Vec<u8> {
    let plain = serde_json::to_vec(contents).expect("texts and JSON values are writable");
    vault.seal(id.as_uuid().as_bytes(), &plain)
}

/// Puts messages into the table, passing over those whose id is there; how many were put.
pub async fn insert_many(tx: &mut Tx, notifications: &[Sealed]) -> Result<u64, Error> {
    tx.insert_rows(&TABLE, notifications.iter().map(|one| one.row.as_slice()))
        .await
}

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
    /// The provider that took it.
    pub sent_by: Option<String>,
    /// Why it failed, in words, if we know.
    pub problem: Option<String>,
}

impl Notification {
    /// Opens what is personal.
    pub fn open(&self, vault: &Vault) -> Result<Contents, Error> {
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
pub async fn find_whosever(
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

/// The messages of a service that pass the filter, newest first, at most `count`.
pub async fn list(
    session: &mut Session,
    service: ServiceId,
    filter: &Filter,
    count: u32,
) -> Result<Vec<Notification>, Error> {
    let mut sql = format!("SELECT {COLUMNS} FROM notifications WHERE service_id = $1");
    let mut args = args![service];
    if !filter.include_jobs {
        sql.push_str(" AND job_id IS NULL");
    }
    if let Some(key_type) = filter.key_type {
        args.push(key_type.into());
        let _ = write!(sql, " AND key_type = ${}", args.len());
    }
    if !filter.statuses.is_empty() {
        let _ = write!(
            sql,
            " AND status IN ({})",
            parameters(args.len() + 1, filter.statuses.len())
        );
        args.extend(filter.statuses.iter().copied().map(Arg::from));
    }
    if !filter.channels.is_empty() {
        let _ = write!(
            sql,
            " AND notification_type IN ({})",
            parameters(args.len() + 1, filter.channels.len())
        );
        args.extend(filter.channels.iter().copied().map(Arg::from));
    }
    if let Some(reference) = &filter.client_reference {
        args.push(reference.as_str().into());
        let _ = write!(sql, " AND client_reference = ${}", args.len());
    }
    if let Some((created_at, id)) = filter.older_than {
        let first = args.len() + 1;
        let _ = write!(sql, " AND (created_at, id) < (${first}, ${})", first + 1);
        args.extend(args![created_at, id]);
    }
    args.push(count.into());
    let _ = write!(
        sql,
        " ORDER BY created_at DESC, id DESC LIMIT ${}",
        args.len()
    );
    session
        .fetch_all(sql, args)
        .await?
        .iter()
        .map(notification)
        .collect()
}

/// Those of `ids` that still wait to be handed over; the others are dealt with or gone. In the order of `ids`.
pub async fn list_waiting(
    session: &mut Session,
    ids: &[NotificationId],
) -> Result<Vec<Notification>, Error> {
    list_those(session, ids, "AND status = 'created'").await
}

/// Those of `ids` – letters – with which there may be something to do: those that wait to be checked or handed over, and
/// those with a test key, which count as delivered before they have pages. In the order of `ids`.
pub async fn list_letters_waiting(
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

/// What has become of a message: the change of its status and what is learnt with it.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Which message.
    pub id: NotificationId,
    /// What it becomes, if it may.
    pub status: NotificationStatus,
    /// When it was handed over, if it was just now.
    pub sent_at: Option<Timestamp>,
    /// To whom.
    pub sent_by: Option<String>,
    /// The provider's own id for it.
    pub reference: Option<String>,
    /// Fragments or sheets, if they are known now.
    pub billable_units: Option<u32>,
    /// Why it failed, if it did.
    pub problem: Option<String>,
}

/// Records what has become of messages, each only if its status may change so; how many changed.
pub async fn record(tx: &mut Tx, outcomes: &[Outcome], at: Timestamp) -> Result<u64, Error> {
    let mut by_status: BTreeMap<NotificationStatus, Vec<&Outcome>> = BTreeMap::new();
    for outcome in outcomes {
        by_status.entry(outcome.status).or_default().push(outcome);
    }
    let mut changed = 0;
    for (status, outcomes) in by_status {
        changed += record_alike(tx, status, &outcomes, at).await?;
    }
    Ok(changed)
}

async fn record_alike(
    tx: &mut Tx,
    next: NotificationStatus,
    outcomes: &[&Outcome],
    at: Timestamp,
) -> Result<u64, Error> {
    let from: Vec<&str> = NotificationStatus::that_may_become(next)
        .map(NotificationStatus::as_str)
        .collect();
    let mut args = args![next, at];
    let allowed = parameters(args.len() + 1, from.len());
    args.extend(from.into_iter().map(Arg::from));
    let pruned = tx.kind().within(
        "notifications.id",
        outcomes.iter().map(|outcome| outcome.id),
        &mut args,
    );
    let mut values = Vec::with_capacity(outcomes.len());
    for outcome in outcomes {
        values.push(format!("({})", parameters(args.len() + 1, 6)));
        args.extend(args![
            outcome.id,
            outcome.sent_at,
            outcome.sent_by.as_deref(),
            outcome.reference.as_deref(),
            outcome.billable_units,
            outcome.problem.as_deref(),
        ]);
    }
    let sql = format!(
        "WITH learnt (id, sent_at, sent_by, reference, billable_units, problem) AS (VALUES {}) \
         UPDATE notifications SET status = $1, updated_at = $2, \
         sent_at = COALESCE(learnt.sent_at, notifications.sent_at), \
         sent_by = COALESCE(learnt.sent_by, notifications.sent_by), \
         reference = COALESCE(learnt.reference, notifications.reference), \
         billable_units = COALESCE(learnt.billable_units, notifications.billable_units), \
         problem = learnt.problem \
         FROM learnt WHERE notifications.id = learnt.id AND notifications.status IN ({allowed}){pruned}",
        values.join(", ")
    );
    tx.execute(sql, args).await
}

/// How many rows of a job there are in each status.
pub async fn count_by_status(
    session: &mut Session,
    origin: &JobOrigin,
) -> Result<BTreeMap<NotificationStatus, u32>, Error> {
    let rows = origin.rows();
    session
        .fetch_all(
            "SELECT status, count(*) AS number FROM notifications \
             WHERE id BETWEEN $1 AND $2 AND job_id = $3 GROUP BY status",
            args![*rows.start(), *rows.end(), origin.job],
        )
        .await?
        .iter()
        .map(|row| {
            Ok((
                row.word("notifications", "status")?,
                row.count("notifications", "number")?,
            ))
        })
        .collect()
}

/// Cancels those rows of a job that may be, so that nobody pays for them; how many, and how many of them were accepted
/// from `today` on.
pub async fn cancel_rows(
    tx: &mut Tx,
    origin: &JobOrigin,
    today: Timestamp,
    at: Timestamp,
) -> Result<(u64, i64), Error> {
    let rows = origin.rows();
    let cancelled = NotificationStatus::Cancelled;
    let from: Vec<&str> = NotificationStatus::that_may_become(cancelled)
        .map(NotificationStatus::as_str)
        .collect();
    let mut args = args![*rows.start(), *rows.end(), origin.job, cancelled, at];
    let sql = format!(
        "UPDATE notifications SET status = $4, updated_at = $5, billable_units = 0 \
         WHERE id BETWEEN $1 AND $2 AND job_id = $3 AND status IN ({})",
        parameters(args.len() + 1, from.len())
    );
    args.extend(from.into_iter().map(Arg::from));
    let changed = tx.execute(sql, args).await?;
    let row = tx
        .fetch_optional(
            "SELECT count(*) AS number FROM notifications WHERE id BETWEEN $1 AND $2 AND job_id = $3 \
             AND status = $4 AND updated_at = $5 AND created_at >= $6",
            args![*rows.start(), *rows.end(), origin.job, cancelled, at, today],
        )
        .await?;
    let of_today: i64 = row.map_or(Ok(0), |row| row.get("number"))?;
    Ok((changed, of_today))
}

/// The numbers of the rows of a job that are kept, in order.
pub async fn list_row_numbers(
    session: &mut Session,
    origin: &JobOrigin,
) -> Result<Vec<u32>, Error> {
    let rows = origin.rows();
    session
        .fetch_all(
            "SELECT job_row_number FROM notifications WHERE id BETWEEN $1 AND $2 AND job_id = $3 ORDER BY id",
            args![*rows.start(), *rows.end(), origin.job],
        )
        .await?
        .iter()
        .map(|row| row.count("notifications", "job_row_number"))
        .collect()
}

/// Messages of a service that travel so, were accepted between the two moments and are still in one of these statuses,
/// oldest first, at most `count`; with how each travels and when it was accepted. The first moment may be that of a
/// message that was found before, with its id: then those after it.
pub async fn list_lingering(
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

/// Sealed contents in the order of ids, after `after`, at most `count`: for sealing them anew.
pub async fn list_sealed(
    session: &mut Session,
    after: Option<NotificationId>,
    count: u32,
) -> Result<Vec<(NotificationId, Vec<u8>)>, Error> {
    let after = after.map_or(uuid::Uuid::nil(), NotificationId::as_uuid);
    session
        .fetch_all(
            "SELECT id, sealed FROM notifications WHERE id > $1 ORDER BY id LIMIT $2",
            args![after, count],
        )
        .await?
        .iter()
        .map(|row| Ok((row.get("id")?, row.get("sealed")?)))
        .collect()
}

/// Replaces sealed contents, unless they have changed since.
pub async fn replace_sealed(
    tx: &mut Tx,
    id: NotificationId,
    before: Vec<u8>,
    after: Vec<u8>,
) -> Result<bool, Error> {
    let touched = tx
        .execute(
            "UPDATE notifications SET sealed = $3 WHERE id = $1 AND sealed = $2",
            args![id, before, after],
        )
        .await?;
    Ok(touched == 1)
}

/// E-mails or texts in the order of ids, after `after`, at most `count`; of one service or of all. For what looks for a
/// recipient, who is sealed in each.
pub async fn list_of_channel(
    session: &mut Session,
    service: Option<ServiceId>,
    channel: Channel,
    after: Option<NotificationId>,
    count: u32,
) -> Result<Vec<Notification>, Error> {
    let after = after.map_or(uuid::Uuid::nil(), NotificationId::as_uuid);
    let mut args = args![after, count, channel];
    let of_one = service.map_or("", |service| {
        args.extend(args![service]);
        " AND service_id = $4"
    });
    let sql = format!(
        "SELECT {COLUMNS} FROM notifications WHERE id > $1 AND notification_type = $3{of_one} ORDER BY id LIMIT $2"
    );
    session
        .fetch_all(sql, args)
        .await?
        .iter()
        .map(notification)
        .collect()
}

/// The letters among the messages after `after` in the order of ids, at most `count`: whose each is, for what looks
/// through their pages.
pub async fn list_letters(
    session: &mut Session,
    after: Option<NotificationId>,
    count: u32,
) -> Result<Vec<(ServiceId, NotificationId)>, Error> {
    let after = after.map_or(uuid::Uuid::nil(), NotificationId::as_uuid);
    session
        .fetch_all(
            "SELECT service_id, id FROM notifications WHERE id > $1 AND notification_type = 'letter' \
             ORDER BY id LIMIT $2",
            args![after, count],
        )
        .await?
        .iter()
        .map(|row| Ok((row.get("service_id")?, row.get("id")?)))
        .collect()
}

/// Puts nothing in the place of what is personal in a message, and of the words with which it was refused, unless it has
/// changed since it was read; whether it had not.
pub async fn erase(tx: &mut Tx, vault: &Vault, message: &Notification) -> Result<bool, Error> {
    let (id, before) = (message.id, message.sealed.clone());
    let nothing = seal(vault, id, &Contents::erased());
    let touched = tx
        .execute(
            "UPDATE notifications SET sealed = $3, problem = NULL WHERE id = $1 AND sealed = $2",
            args![id, before, nothing],
        )
        .await?;
    Ok(touched == 1)
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
