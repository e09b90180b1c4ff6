//! Messages to keep, and how many of them are put at once.

use domain::{
    ApiKeyId, Channel, JobId, KeyType, NotificationId, NotificationStatus, Postage, ServiceId,
    TemplateId, Timestamp, UserId,
};

use super::{Contents, contents::seal};
use crate::{
    Error, Keyring, Tx,
    db::{Arg, ColumnType, Table, args},
};

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
pub struct SealedRow {
    /// Its id.
    pub id: NotificationId,
    row: Vec<Arg>,
}

impl SealedRow {
    /// How much memory its contents take, about.
    pub fn size_bytes(&self) -> usize {
        self.row.iter().map(Arg::size_bytes).sum()
    }
}

impl std::fmt::Debug for SealedRow {
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
    pub fn seal(self, vault: &Keyring) -> SealedRow {
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
        SealedRow { id: self.id, row }
    }
}

/// Puts messages into the table, passing over those whose id is there; how many were put.
pub async fn insert_many(tx: &mut Tx, notifications: &[SealedRow]) -> Result<u64, Error> {
    tx.insert_rows(&TABLE, notifications.iter().map(|one| one.row.as_slice()))
        .await
}
