//! New notifications, and their insertion in batches.

use std::fmt;

use domain::{
    ApiKeyId, Channel, JobId, KeyType, NotificationId, NotificationStatus, Postage, ServiceId,
    TemplateId, Timestamp, UserId,
};

use super::{Contents, contents::seal};
use crate::{
    Error, Keyring, Tx,
    db::{Table, columns},
};

/// Notification to insert. `P` is its personal data: plain [`Contents`] at first, and [`SealedContents`] once it is a
/// [`SealedRow`].
#[derive(Debug, Clone)]
pub struct NewNotification<P = Contents> {
    /// Generated id; for a row of a job, the id computed from both.
    pub id: NotificationId,
    /// Service that sends it.
    pub service_id: ServiceId,
    /// Job and row number, counted from 0, if it is a row of a job.
    pub job_row: Option<(JobId, u32)>,
    /// Template that it is rendered from.
    pub template_id: TemplateId,
    /// Version of the template.
    pub template_version: u32,
    /// API key that it is sent with; jobs have none.
    pub api_key_id: Option<ApiKeyId>,
    /// Type of that key; `normal` for jobs.
    pub key_type: KeyType,
    /// Channel that it is sent through.
    pub channel: Channel,
    /// First status: `created`, unless it can never be sent.
    pub status: NotificationStatus,
    /// Personal data.
    pub contents: P,
    /// Reference given by the service.
    pub client_reference: Option<String>,
    /// Sender or reply-to address as text, as it is at this moment.
    pub reply_to_text: Option<String>,
    /// Whether it is international.
    pub international: bool,
    /// Country prefix that determines the rate.
    pub phone_prefix: Option<String>,
    /// Multiple of the domestic rate.
    pub rate_multiplier: Option<u32>,
    /// Postage class of a letter.
    pub postage: Option<Postage>,
    /// Reference printed on a letter.
    pub reference: Option<String>,
    /// Number of files sent with an e-mail.
    pub documents: u32,
    /// User who sent it by hand or created its job.
    pub created_by: Option<UserId>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// Why it can never be sent, if so.
    pub problem: Option<String>,
}

/// Notification that is ready to be inserted. Its personal data is sealed beforehand, so that no transaction waits for
/// the cipher.
pub type SealedRow = NewNotification<SealedContents>;

/// Sealed personal data of a notification.
#[derive(Clone)]
pub struct SealedContents(Vec<u8>);

impl SealedContents {
    /// Takes personal data that [`NewNotification::seal`] has sealed.
    pub const fn from_bytes(sealed: Vec<u8>) -> Self {
        Self(sealed)
    }

    /// Returns the sealed bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SealedContents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(sealed)")
    }
}

static TABLE: Table<SealedRow> = Table::new(
    "notifications",
    columns![row =>
        id: Id = row.id,
        service_id: Id = row.service_id,
        job_id: Id = row.job_row.map(|(job, _)| job),
        job_row_number: Int = row.job_row.map(|(_, number)| number),
        template_id: Id = row.template_id,
        template_version: Int = row.template_version,
        api_key_id: Id = row.api_key_id,
        key_type: Text = row.key_type,
        notification_type: Text = row.channel,
        status: Text = row.status,
        sealed: Bytes = row.contents.0.clone(),
        client_reference: Text = row.client_reference.as_deref(),
        reply_to_text: Text = row.reply_to_text.as_deref(),
        international: Bool = row.international,
        phone_prefix: Text = row.phone_prefix.as_deref(),
        rate_multiplier: Int = row.rate_multiplier,
        // Known once the message has been rendered for sending.
        billable_units: Int = 0_u32,
        postage: Text = row.postage.map(Postage::as_str),
        reference: Text = row.reference.as_deref(),
        documents: Int = row.documents,
        created_by: Id = row.created_by,
        created_at: Time = row.created_at,
        updated_at: Time = row.updated_at(),
        problem: Text = row.problem.as_deref(),
    ],
);

impl NewNotification {
    /// Seals the personal data.
    pub fn seal(self, keyring: &Keyring) -> SealedRow {
        NewNotification {
            contents: SealedContents(seal(keyring, self.id, &self.contents)),
            id: self.id,
            service_id: self.service_id,
            job_row: self.job_row,
            template_id: self.template_id,
            template_version: self.template_version,
            api_key_id: self.api_key_id,
            key_type: self.key_type,
            channel: self.channel,
            status: self.status,
            client_reference: self.client_reference,
            reply_to_text: self.reply_to_text,
            international: self.international,
            phone_prefix: self.phone_prefix,
            rate_multiplier: self.rate_multiplier,
            postage: self.postage,
            reference: self.reference,
            documents: self.documents,
            created_by: self.created_by,
            created_at: self.created_at,
            problem: self.problem,
        }
    }
}

impl SealedRow {
    /// Returns roughly how much heap memory the row takes.
    pub fn size_bytes(&self) -> usize {
        let texts = [
            &self.client_reference,
            &self.reply_to_text,
            &self.phone_prefix,
            &self.reference,
            &self.problem,
        ];
        let text_bytes: usize = texts.into_iter().flatten().map(String::len).sum();
        self.contents.0.len() + text_bytes
    }

    /// Returns how many bytes of the service's storage it takes.
    pub fn stored_bytes(&self) -> i64 {
        i64::try_from(self.contents.0.len()).unwrap_or(i64::MAX)
    }

    /// Returns when its status last changed: at once, if it is stored in a status that is final.
    fn updated_at(&self) -> Option<Timestamp> {
        let is_waiting = matches!(
            self.status,
            NotificationStatus::Created | NotificationStatus::PendingVirusCheck
        );
        (!is_waiting).then_some(self.created_at)
    }
}

/// Inserts notifications, skipping those whose id exists. Returns how many were inserted. Fails with [`Error::Exists`] if a
/// letter has the reference of another, which does not happen to random ones.
pub async fn insert_many(tx: &mut Tx, notifications: &[SealedRow]) -> Result<u64, Error> {
    let inserted = tx.insert_rows(&TABLE, notifications).await?;
    super::letter_references::record(tx, notifications).await?;
    Ok(inserted)
}
