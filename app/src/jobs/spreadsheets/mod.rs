//! Spreadsheets: checked while they stream in, and stored sealed for the job that will read them row by row.
//!
//! A workbook is converted to CSV first; the stored file is always CSV. The check records the layout of the whole
//! file beside it, so that the job reads the file in one pass.

mod incoming;

use bytes::Bytes;
use domain::{
    Allowance, Channel, JobId, KeyType, Permission, ReplyToId, ServiceId, SmsSenderId, TemplateId,
    UtcDay,
};
use files::Key;
use futures::Stream;
use recipients::{guest_lists::GuestList, phone_numbers::Permissions};
use spreadsheets::{ReadError, Settings, Template};
pub use spreadsheets::{Report, TextEncoding};
use store::spreadsheets::Spreadsheet;
use tracing::warn;
use uuid::Uuid;

pub(crate) use incoming::FileSource;
use incoming::{IncomingSpreadsheet, PIECE_BYTES};

use crate::{
    App, OpenError, ParsedTemplate, Tenant,
    accept::limits,
    cache::{templates, tenants},
    compose::printed_text::printed_text,
    foreign_files::{ConvertError, TooManyFiles, Unavailable},
};

/// Cells with errors that a report names.
pub(crate) const ERRORS_SHOWN: usize = 10_000;

/// Longest name of a file, in characters: as long as file systems have them, and as the names of bulk requests.
const MAX_FILE_NAME: usize = 255;

/// A file to check.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The service that uploads it.
    pub service: ServiceId,
    /// The template that its rows will fill.
    pub template: TemplateId,
    /// The file's name, as the uploader called it.
    pub file_name: String,
    /// The encoding of a text, if the uploader knows that it is not the one that would be guessed.
    pub encoding: Option<TextEncoding>,
    /// The chosen reply-to address or text message sender.
    pub sender_id: Option<Uuid>,
    /// Whether the file is stored for a job, or only checked.
    pub keep: bool,
}

/// The result of a check.
#[derive(Debug)]
pub struct Checked {
    /// The id of the job that can be created from the file, if it was stored.
    pub id: Option<JobId>,
    /// All errors, and the number of rows.
    pub report: Report,
    /// True if a job can be created.
    pub is_valid: bool,
}

impl Checked {
    /// Returns the errors of the file as a whole, a sentence each.
    pub fn problems(&self) -> Vec<String> {
        problems(&self.report, KeyType::Normal)
    }
}

/// Returns the errors of the file as a whole, for rows that are sent with a key of this type.
pub(crate) fn problems(report: &Report, key_type: KeyType) -> Vec<String> {
    let mut problems = report.file_problems.clone();
    let mut say = |is_so: bool, text: String| {
        if is_so {
            problems.push(text);
        }
    };
    say(
        report.rows() == 0,
        "the file has no rows after its header".to_owned(),
    );
    say(
        !report.missing_column_headers.is_empty(),
        format!(
            "these columns are missing: {}",
            report.missing_column_headers.join(", ")
        ),
    );
    say(
        report.layout.channel() == Channel::Letter
            && !report.has_recipient_columns,
        "there are not enough columns for an address: it needs at least three of `address line 1` to \
         `address line 7`, or of `address line 1` to `address line 6` and `postcode`"
            .to_owned(),
    );
    say(
        !report.duplicate_recipient_column_headers.is_empty(),
        format!(
            "these columns are there more than once: {}",
            report.duplicate_recipient_column_headers.join(", ")
        ),
    );
    say(
        report.too_many_rows(),
        format!(
            "{} rows are more than a file may have: split it",
            report.rows()
        ),
    );
    say(
        report.more_rows_than_can_send(),
        format!(
            "{} rows are more messages than the service may still send today",
            report.rows()
        ),
    );
    say(
        report.more_international_sms_than_can_send(),
        "there are more texts to other countries than the service may still send today".to_owned(),
    );
    say(
        report.allowed_to_send_to == Some(false),
        format!(
            "some recipients are not in the team or on the guest list, and {}",
            match key_type {
                KeyType::Team => "the key is a team key",
                KeyType::Normal | KeyType::Test => "the service is in trial mode",
            }
        ),
    );
    problems
}

/// Why a file cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// There is no such service, template, or sender.
    #[error("there is no such {0}")]
    NoSuch(&'static str),
    /// The template is archived.
    #[error("the template is archived: nothing can be sent with it")]
    TemplateArchived,
    /// Contact lists are not of postal addresses.
    #[error(
        "a contact list is of phone numbers or e-mail addresses: send letters from a spreadsheet"
    )]
    NoListsOfAddresses,
    /// The file's name is too long to be stored.
    #[error("the name of the file is longer than {MAX_FILE_NAME} characters: shorten it")]
    LongFileName,
    /// The file cannot be read as a spreadsheet.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
    /// The file could not be read for a reason that is not the file's.
    #[error("the file cannot be read now: send it again in a moment")]
    Unavailable(#[source] Unavailable),
    /// The files of other uploads use up the memory for files that must be complete before they are read.
    #[error("too many large files are being read: send it again in a moment")]
    Busy,
    /// The file is larger than this many bytes.
    #[error("the file is larger than {0} bytes: split it")]
    TooLarge(u64),
    /// The connection closed before the end of the file.
    #[error("the upload broke off before its end: send it again")]
    BrokeOff,
    /// The file storage failed.
    #[error("the file could not be kept")]
    Files(#[from] files::Error),
    /// The stored file that was to be copied cannot be read.
    #[error("the file that was kept cannot be read")]
    Kept(#[source] OpenError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// The store failed.
    #[error("the store failed")]
    Cached(#[from] std::sync::Arc<store::Error>),
}

impl From<TooManyFiles> for UploadError {
    fn from(_: TooManyFiles) -> Self {
        Self::Busy
    }
}

impl From<ConvertError> for UploadError {
    fn from(error: ConvertError) -> Self {
        match error {
            ConvertError::File(error) => Self::Unreadable(error),
            ConvertError::Unavailable(error) => Self::Unavailable(error),
            ConvertError::TooMany(TooManyFiles) => Self::Busy,
        }
    }
}

/// Returns where a job's file is stored.
pub(crate) fn key(service: ServiceId, job: JobId) -> Key {
    Key::spreadsheet(service.as_uuid(), job.as_uuid())
}

/// Checks a file while it streams in and, if asked, stores it. A file with errors is stored too, so that its owner
/// can look at it, but no job can be created from it.
pub async fn upload(
    app: &App,
    upload: Upload,
    body: impl Stream<Item = Result<Bytes, UploadError>> + Send + Unpin,
) -> Result<Checked, UploadError> {
    let name = upload.file_name.clone();
    let source = FileSource::Sent {
        name: &name,
        encoding: upload.encoding,
    };
    upload_as(app, upload, source, body).await
}

/// Checks a stored CSV file again, whatever its name.
pub async fn upload_again(
    app: &App,
    upload: Upload,
    body: impl Stream<Item = Result<Bytes, UploadError>> + Send + Unpin,
) -> Result<Checked, UploadError> {
    upload_as(app, upload, FileSource::Csv, body).await
}

async fn upload_as(
    app: &App,
    upload: Upload,
    source: FileSource<'_>,
    body: impl Stream<Item = Result<Bytes, UploadError>> + Send + Unpin,
) -> Result<Checked, UploadError> {
    check_file_name(&upload.file_name)?;
    let tenant = tenants::find(app, upload.service)
        .await?
        .ok_or(UploadError::NoSuch("service"))?;
    let found = templates::find(app, upload.service, upload.template).await?;
    let prepared = found.ok_or(UploadError::NoSuch("template"))?;
    check_template(&prepared)?;
    check_sender(&tenant, prepared.template.template_type, upload.sender_id)?;
    let now = app.clock.now();
    let sending = SendContext {
        key_type: KeyType::Normal,
        day: now.utc_day(),
    };
    let settings = settings(app, &tenant, &prepared, sending).await?;

    let id = JobId::generate(now, app.random());
    let mut incoming = IncomingSpreadsheet::new(
        app,
        upload.service,
        upload.keep.then(|| place_of(upload.service, id)),
        settings,
    )
    .await?;
    match incoming.take(app, source, body).await {
        Ok(()) => {}
        Err(error) => {
            incoming.give_up().await;
            return Err(error);
        }
    }
    let (report, size_bytes) = incoming.finish(true).await?;
    let is_valid = report.is_valid();
    if upload.keep
        && let Err(error) = remember(app, &upload, id, &report, size_bytes).await
    {
        // The caller never learns its id, so no job can refer to it.
        discard(app, upload.service, id).await;
        return Err(error);
    }
    Ok(Checked {
        id: upload.keep.then_some(id),
        report,
        is_valid,
    })
}

/// Checks CSV text and stores it as the file of this job if it has no errors. The record of the file is left to the
/// transaction that creates the job.
pub(crate) async fn store_and_check(
    app: &App,
    (service, job): (ServiceId, JobId),
    settings: Settings,
    csv: Bytes,
) -> Result<(Report, i64), UploadError> {
    let mut rest = csv;
    let pieces = futures::stream::iter(std::iter::from_fn(move || {
        let piece = rest.split_to(rest.len().min(PIECE_BYTES));
        (!piece.is_empty()).then_some(Ok(piece))
    }));
    let place = place_of(service, job);
    take(app, service, place, settings, FileSource::Csv, pieces).await
}

/// Checks a file while it streams in and stores it under this key if it has no errors. No record is written. Returns the
/// size of what is stored.
pub(crate) async fn take(
    app: &App,
    service: ServiceId,
    place: (Key, Uuid),
    settings: Settings,
    source: FileSource<'_>,
    body: impl Stream<Item = Result<Bytes, UploadError>> + Send + Unpin,
) -> Result<(Report, i64), UploadError> {
    let mut incoming = IncomingSpreadsheet::new(app, service, Some(place), settings).await?;
    if let Err(error) = incoming.take(app, source, body).await {
        incoming.give_up().await;
        return Err(error);
    }
    incoming.finish(false).await
}

fn place_of(service: ServiceId, job: JobId) -> (Key, Uuid) {
    (key(service, job), job.as_uuid())
}

/// Deletes the file of a job that was not created after all.
pub(crate) async fn discard(app: &App, service: ServiceId, job: JobId) {
    if let Err(fault) = app.files.remove(&key(service, job)).await {
        warn!(
            job.id = %job,
            error = &fault as &dyn std::error::Error,
            "the file of a job that was not made cannot be removed: it stays, sealed, and is not read"
        );
    }
}

/// Fails if the name of a file is too long to be stored and shown.
pub(crate) fn check_file_name(name: &str) -> Result<(), UploadError> {
    if name.chars().count() > MAX_FILE_NAME {
        return Err(UploadError::LongFileName);
    }
    Ok(())
}

fn check_template(prepared: &ParsedTemplate) -> Result<(), UploadError> {
    match &prepared.template {
        template if template.hidden => Err(UploadError::NoSuch("template")),
        template if template.archived => Err(UploadError::TemplateArchived),
        _ => Ok(()),
    }
}

fn check_sender(
    tenant: &Tenant,
    channel: Channel,
    sender: Option<Uuid>,
) -> Result<(), UploadError> {
    let Some(id) = sender else { return Ok(()) };
    match channel {
        Channel::Sms if tenant.sms_sender(SmsSenderId::from(id)).is_none() => {
            Err(UploadError::NoSuch("text message sender of this service"))
        }
        Channel::Email if tenant.reply_to(ReplyToId::from(id)).is_none() => {
            Err(UploadError::NoSuch("reply-to address of this service"))
        }
        Channel::Letter => Err(UploadError::NoSuch("sender: letters have none to choose")),
        _ => Ok(()),
    }
}

/// The conditions of sending that the check depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SendContext {
    /// The type of the key; people send as with a normal key.
    pub(crate) key_type: KeyType,
    /// The day on which the rows count.
    pub(crate) day: UtcDay,
}

/// Collects what a file is checked against: the template, the service's permissions, its allowed recipients, the rest
/// of the quota. Rows of a test key are not counted.
pub(crate) async fn settings(
    app: &App,
    tenant: &Tenant,
    prepared: &ParsedTemplate,
    sending: SendContext,
) -> Result<Settings, store::Error> {
    let template = &prepared.template;
    let channel = template.template_type;
    let text = match channel {
        Channel::Sms => Template::text_message(&template.content, tenant.sms_prefix())
            .with_unicode_texts(tenant.has_permission(Permission::UnicodeSms)),
        Channel::Email => Template::email(
            template.subject.as_deref().unwrap_or_default(),
            &template.content,
        )
        .without_placeholders(&prepared.file_names()),
        Channel::Letter => Template::letter(
            template.subject.as_deref().unwrap_or_default(),
            &template.content,
        )
        .with_placeholders(prepared.placeholders())
        .with_print_check(
            &printed_text(template),
            typesetting::unprintable_characters,
            typesetting::is_qr_code,
        ),
    };
    let service = &tenant.service;
    let is_today = sending.day == app.clock.now().utc_day();
    let left = |allowance: Allowance| async move {
        let spent = match sending.key_type {
            KeyType::Test => return Ok(None),
            KeyType::Normal | KeyType::Team if is_today => {
                limits::spent_today(app, service.id, allowance).await?
            }
            KeyType::Normal | KeyType::Team => 0,
        };
        Ok::<_, store::Error>(Some((service.daily_limit(allowance) - spent).max(0)))
    };
    Ok(Settings {
        max_rows: app.settings.max_spreadsheet_rows as usize,
        max_errors_shown: ERRORS_SHOWN,
        guest_list: guest_list(tenant, sending.key_type),
        remaining_messages: left(channel.into()).await?,
        remaining_international_sms_messages: match channel {
            Channel::Sms => left(Allowance::InternationalSms).await?,
            Channel::Email | Channel::Letter => None,
        },
        phone_permissions: phone_permissions(tenant),
        rejects_ambiguous_numbers: true,
        tidies_headers: true,
        allow_international_letters: tenant.has_permission(Permission::InternationalLetters),
        ..Settings::new(text)
    })
}

/// A team key and trial mode reach only the team and its guests. An empty list would mean no restriction, so a
/// service without any allowed recipient gets a list with an entry that matches nobody.
fn guest_list(tenant: &Tenant, key_type: KeyType) -> GuestList {
    if !tenant.is_restricted(key_type) {
        return GuestList::default();
    }
    if tenant.allowed_recipients.is_empty() {
        GuestList::new(["(nobody)"])
    } else {
        tenant.allowed_recipients.clone()
    }
}

/// Returns the kinds of phone numbers that a service may send to.
pub(crate) fn phone_permissions(tenant: &Tenant) -> Permissions {
    Permissions {
        international: tenant.has_permission(Permission::InternationalSms),
        uk_landline: tenant.has_permission(Permission::SmsToUkLandlines),
    }
}

async fn remember(
    app: &App,
    upload: &Upload,
    id: JobId,
    report: &Report,
    size_bytes: i64,
) -> Result<(), UploadError> {
    let sheet = Spreadsheet {
        id,
        service_id: upload.service,
        template_id: upload.template,
        original_file_name: upload.file_name.clone(),
        notification_count: u32::try_from(report.rows()).unwrap_or(u32::MAX),
        valid: report.is_valid(),
        sender_id: upload.sender_id,
        layout: serde_json::to_string(&report.layout).expect("a layout is writable as JSON"),
        link_secret: link_secret(app),
        size_bytes,
        created_at: app.clock.now(),
    };
    let mut tx = app.write().await?;
    store::spreadsheets::insert(&mut tx, &sheet).await?;
    tx.commit().await?;
    Ok(())
}

/// Generates the secret that a job's file links are derived from.
pub(crate) fn link_secret(app: &App) -> Vec<u8> {
    let mut secret = vec![0; 32];
    app.random().fill(&mut secret);
    secret
}
