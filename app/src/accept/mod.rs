//! Accepts one message from the API. The order of the checks is part of the contract (`docs/spec/public-api.md` §6):
//! the first failure is the response.

mod email;
pub(crate) mod files;
pub mod idempotency;
mod idempotency_claims;
mod lenient_base64;
pub(crate) mod letter;
pub mod limits;
mod log_format;
mod log_path;
pub(crate) mod notification_writer;
mod precompiled;
mod quota_requests;
mod simulated_recipients;
pub(crate) mod sms;
pub mod storage;
mod uploaded_letter;

use std::sync::Arc;

use ::templates::markdown::QrCodeTooLarge;
pub use ::templates::sanitise::Sanitised;
use domain::{
    Allowance, Channel, KeyType, Lane, NotificationId, NotificationStatus, ServiceId, TemplateId,
    Timestamp,
};
use intake::SharedLog;
use recipients::{phone_numbers::PhoneError, postal_addresses::AddressError};
use serde_json::{Map, Value};
use store::idempotency_keys::{Hash, NewKey, StoredKey};

pub use email::{AcceptedEmail, EmailRequest, email};
pub use files::FileFieldError;
pub use letter::{AcceptedLetter, LetterRequest, letter};
pub use precompiled::{AcceptedPrecompiledLetter, PrecompiledLetterRequest, precompiled};
pub use sms::{AcceptedSms, SmsRequest, sms};
pub use uploaded_letter::{SendUpload, SendUploadError, send_upload};

pub(crate) use log_format::{Encoded, pack, read as read_group};
use log_path::LogPath;
pub(crate) use notification_writer::{NotificationWriter, PendingNotification, Saved};

use crate::accept::simulated_recipients::is_simulated;
use crate::{
    App, Caller, CommitError, LimitError, ParsedTemplate, QuotaExceeded,
    accept::notification_writer::BatchKey,
    cache::templates::{self, FilledTooLarge},
    compose::{MessageDraft, Origin},
    documents,
    group_commit::{GroupCommit, Infrastructure},
    settings::Intake,
    tasks::Step,
};

/// The state of accepting between requests.
#[derive(Debug)]
pub(crate) struct AcceptState {
    notifications: GroupCommit<NotificationWriter>,
    /// Writes what savers read from the intake log.
    pub(crate) writer: NotificationWriter,
    log_path: Option<LogPath>,
    rate_limiter: limits::RateLimiter,
    preview_limiter: limits::RateLimiter,
    read_limiter: limits::RateLimiter,
    quota_cache: limits::QuotaCache,
    storage_cache: storage::StorageCache,
    in_flight_requests: idempotency::InFlightRequests,
}

impl AcceptState {
    /// Starts the group commit of notifications.
    pub(crate) fn start(
        infrastructure: &Infrastructure,
        log: Option<&SharedLog>,
        settings: &Intake,
    ) -> Self {
        let quota_cache = limits::QuotaCache::default();
        let keyring = infrastructure.store.keyring();
        let log_path = LogPath::new(log, settings, keyring, &infrastructure.clock, &quota_cache);
        let writer = NotificationWriter::new(infrastructure, &quota_cache, log_path.clone());
        Self {
            notifications: writer.start(),
            writer,
            log_path,
            rate_limiter: limits::RateLimiter::default(),
            preview_limiter: limits::RateLimiter::default(),
            read_limiter: limits::RateLimiter::default(),
            quota_cache,
            storage_cache: storage::StorageCache::default(),
            in_flight_requests: idempotency::InFlightRequests::default(),
        }
    }
}

impl AcceptState {
    /// Returns the idempotency key of a message that this process has appended to the intake log.
    fn find_appended_key(&self, service: ServiceId, key: &Hash) -> Option<StoredKey> {
        self.log_path.as_ref()?.find_key(service, key)
    }
}

/// Why a message is not accepted. Its public wording is in `api`.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The service may not use this channel.
    #[error("the service may not send this type of message")]
    ChannelNotAllowed(Channel),
    /// A name in `sanitise_content_for` is not a text.
    #[error("the name of a value to be sanitised is not text")]
    NoNameToSanitise,
    /// A value to be sanitised is not a text.
    #[error("a value to be sanitised is not text")]
    NothingToSanitise,
    /// The service has no such template.
    #[error("no such template")]
    NoSuchTemplate,
    /// The template is of another channel.
    #[error("the template makes another type of message")]
    WrongTemplateType {
        /// Channel of the template.
        template: Channel,
        /// Channel of the request.
        wanted: Channel,
    },
    /// The template is archived.
    #[error("the template is archived")]
    TemplateArchived,
    /// Placeholders of the template without a value.
    #[error("values are missing")]
    MissingPersonalisation(Vec<String>),
    /// The message would be empty.
    #[error("the message is empty")]
    Empty,
    /// A file in a message that is not an e-mail.
    #[error("only an e-mail can carry a file")]
    FileOutsideEmail,
    /// The first file among the values that is invalid, with everything that is wrong with it.
    #[error("a file value is wrong")]
    FileValue(Vec<FileFieldError>),
    /// The service has no contact link, which files need.
    #[error("files by e-mail are not set up")]
    FilesNotSetUp,
    /// A file is rejected.
    #[error("a file is not taken")]
    FileRefused(documents::FileRejected),
    /// A file could not be stored or scanned.
    #[error("a file could not be dealt with")]
    Files(#[source] documents::FileError),
    /// The service has no such text message sender.
    #[error("no such text message sender")]
    NoSuchSmsSender(String),
    /// The service has no such reply-to address.
    #[error("no such reply-to address")]
    NoSuchReplyTo(String),
    /// A team key can send only to the team and the guest list.
    #[error("not on the team or guest list, and the key is a team key")]
    OutsideTeam,
    /// A service in trial mode can send only to the team and the guest list.
    #[error("not on the team or guest list, and the service is in trial mode")]
    OutsideTrial,
    /// The number is international, and the service may not send there.
    #[error("the service may not send texts abroad")]
    InternationalNotAllowed,
    /// The phone number is invalid, or of a kind that the service may not send to.
    #[error("the number cannot be sent to")]
    Phone(PhoneError),
    /// The text is too long.
    #[error("the text is too long")]
    TextTooLong {
        /// Its length in characters.
        characters: usize,
    },
    /// The e-mail is too long.
    #[error("the e-mail is too long")]
    EmailTooLong {
        /// Its size in bytes.
        bytes: usize,
    },
    /// The message would be too large to be rendered.
    #[error(transparent)]
    FilledTooLarge(#[from] FilledTooLarge),
    /// What has to be stored of the message is too large.
    #[error("the values of the message are too large")]
    ValuesTooLarge {
        /// The size of what would be stored.
        bytes: usize,
        /// The limit of the channel.
        limit: usize,
    },
    /// A QR code of a letter has too much data to be read from paper.
    #[error("a QR code has too much data")]
    QrCodeTooLarge(QrCodeTooLarge),
    /// A letter has characters that no font can print.
    #[error("the letter has characters that cannot be printed")]
    Unprintable(Vec<char>),
    /// Letters cannot be sent with a team key.
    #[error("letters cannot be sent with a team key")]
    LetterWithTeamKey,
    /// A service in trial mode cannot send letters.
    #[error("letters cannot be sent in trial mode")]
    LetterInTrial,
    /// The postal address is invalid.
    #[error("the address is wrong")]
    Address(AddressError),
    /// The PDF is not base64.
    #[error("the pages are not base64")]
    NotBase64,
    /// The pages of a letter could not be stored.
    #[error("the pages could not be kept")]
    Pages(#[source] ::files::Error),
    /// The daily quota is used up.
    #[error(transparent)]
    DailyQuota(#[from] QuotaExceeded),
    /// A concurrent request with the same `Idempotency-Key` was committed first.
    #[error("the idempotency key is taken")]
    KeyTaken,
    /// Too many messages wait to be stored.
    #[error("too busy")]
    Busy,
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] Arc<store::Error>),
}

impl From<store::Error> for AcceptError {
    fn from(error: store::Error) -> Self {
        Self::Store(Arc::new(error))
    }
}

impl From<documents::PrepareError> for AcceptError {
    fn from(error: documents::PrepareError) -> Self {
        match error {
            documents::PrepareError::Rejected(refused) => Self::FileRefused(refused),
            documents::PrepareError::Fault(fault) => Self::Files(fault),
        }
    }
}

impl From<CommitError> for AcceptError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Busy => Self::Busy,
            CommitError::DailyQuota(exceeded) => Self::DailyQuota(exceeded),
            CommitError::KeyTaken => Self::KeyTaken,
            CommitError::Store(error) => Self::Store(error),
        }
    }
}

impl From<LimitError> for AcceptError {
    fn from(error: LimitError) -> Self {
        match error {
            LimitError::DailyQuota(exceeded) => Self::DailyQuota(exceeded),
            // Not returned by `check_daily_quota`: rate and storage are checked before a body is read.
            LimitError::RateLimited { .. } | LimitError::StorageFull(_) => Self::Busy,
            LimitError::Store(error) => error.into(),
            LimitError::Cached(error) => Self::Store(error),
        }
    }
}

/// Fails unless the service may use the channel (step 4).
pub(crate) fn check_channel(caller: &Caller, channel: Channel) -> Result<(), AcceptError> {
    if caller.tenant.has_permission(channel.into()) {
        Ok(())
    } else {
        Err(AcceptError::ChannelNotAllowed(channel))
    }
}

/// Finds the template, which must be of the channel (step 6).
async fn find_template(
    app: &App,
    caller: &Caller,
    id: TemplateId,
    wanted: Channel,
) -> Result<Arc<ParsedTemplate>, AcceptError> {
    let found = templates::find(app, caller.tenant.service.id, id).await?;
    let prepared = found
        .filter(|found| !found.template.hidden)
        .ok_or(AcceptError::NoSuchTemplate)?;
    if prepared.template.template_type != wanted {
        return Err(AcceptError::WrongTemplateType {
            template: prepared.template.template_type,
            wanted,
        });
    }
    if prepared.template.archived {
        return Err(AcceptError::TemplateArchived);
    }
    Ok(prepared)
}

/// Returns whether a value is a file (`docs/spec/public-api.md` §9.1).
fn is_file(value: &Value) -> bool {
    value
        .as_object()
        .is_some_and(|object| object.contains_key("file"))
}

/// Removes the values that the template has no placeholder for, so that nothing is stored that is never read. Files stay:
/// the link in their place is how erasing the message finds them. So does the address of a letter, which is shown.
fn drop_unused_values(parsed: &ParsedTemplate, personalisation: &mut Map<String, Value>) {
    let placeholders = parsed.placeholders();
    let is_letter = parsed.template.template_type == Channel::Letter;
    personalisation.retain(|name, value| {
        placeholders.contains(name) || is_file(value) || (is_letter && letter::is_of_address(name))
    });
}

/// Returns the most bytes that are stored of one message. A text message and a letter are short once they are filled, but
/// a value can be long without being shown: in `((name??text))` it only decides. An e-mail may have two million bytes.
pub(crate) const fn max_stored_bytes(channel: Channel) -> usize {
    match channel {
        Channel::Sms => 32 << 10,
        Channel::Letter => 256 << 10,
        Channel::Email => 4 << 20,
    }
}

/// Fails unless the caller may send to this recipient (step 10, `docs/spec/public-api.md` §12.1).
fn check_recipient_allowed(caller: &Caller, recipient: &str) -> Result<(), AcceptError> {
    if !caller.tenant.is_restricted(caller.key_type)
        || caller.tenant.allowed_recipients.allows(recipient)
    {
        return Ok(());
    }
    Err(match caller.key_type {
        KeyType::Team => AcceptError::OutsideTeam,
        KeyType::Normal | KeyType::Test => AcceptError::OutsideTrial,
    })
}

/// Returns the id and the time of a message that is accepted now.
fn generate_id(app: &App) -> (NotificationId, Timestamp) {
    let now = app.clock.now();
    (NotificationId::generate(now, app.random()), now)
}

/// Step 11: commits the message with its delivery task and, if the request had one, its `Idempotency-Key`; when this
/// returns, all of it is durable.
async fn commit(
    app: &App,
    caller: &Caller,
    draft: MessageDraft<'_>,
    key: Option<NewKey>,
) -> Result<(), AcceptError> {
    // Nothing is stored but the key, so that a repetition gets the same response.
    if is_simulated(&draft.recipient.normalised) {
        return match key {
            Some(key) if !idempotency::store_without_notification(app, &key).await? => {
                Err(AcceptError::KeyTaken)
            }
            _ => Ok(()),
        };
    }
    let channel = draft.template.template_type;
    let lane = draft.template.lane.unwrap_or(Lane::Normal);
    let spends = spends(caller, channel, draft.recipient.also_counts_as);
    let origin = Origin {
        service_id: caller.tenant.service.id,
        api_key_id: Some(caller.key_id),
        key_type: caller.key_type,
        job_row: None,
        created_by: None,
    };
    let notification = draft.into_notification(&origin, app.random());
    // A test letter that counts as sent waits for a receipt, and no provider will send one.
    let receipt_is_simulated = notification.status == NotificationStatus::Sending;
    let step = Step::first(channel, notification.status);
    let sealed = notification.seal(app.store.keyring());
    // Of the sealed row, which is what the table and the queue of the group commit hold.
    let (bytes, limit) = (sealed.size_bytes(), max_stored_bytes(channel));
    if bytes > limit {
        return Err(AcceptError::ValuesTooLarge { bytes, limit });
    }
    let pending = PendingNotification {
        batch: BatchKey {
            service: sealed.service_id,
            step,
            lane,
            key_type: caller.key_type,
            receipt_is_simulated,
        },
        sealed,
        spends,
        key,
    };
    app.accept.notifications.commit(pending).await?;
    metrics::counter!("pillarbox_notifications_accepted_total", "channel" => channel.as_str())
        .increment(1);
    Ok(())
}

/// Returns the daily quotas that a message spends, each with its limit: none with a test key.
fn spends(
    caller: &Caller,
    channel: Channel,
    also_counts_as: Option<Allowance>,
) -> Vec<(Allowance, i64)> {
    if caller.key_type == KeyType::Test {
        return Vec::new();
    }
    std::iter::once(channel.into())
        .chain(also_counts_as)
        .map(|allowance| (allowance, caller.tenant.service.daily_limit(allowance)))
        .collect()
}
