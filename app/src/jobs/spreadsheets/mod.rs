//! Spreadsheets: checked as they stream in, and kept – sealed – for the job that will read them row by row.
//!
//! A workbook becomes CSV first; what is kept is always CSV. What the check learnt of the whole file (its layout) is
//! kept beside it, so that the job reads in one pass.

use bytes::Bytes;
use domain::{
    Allowance, Channel, JobId, KeyType, Permission, ReplyToId, ServiceId, SmsSenderId, TemplateId,
    UtcDay,
};
use files::Key;
use futures::{Stream, StreamExt as _};
use recipients::{guest_lists::GuestList, phone_numbers::Permissions};
pub use spreadsheets::Report;
use spreadsheets::{Checker, Kind, ReadError, Settings, Template, Utf8Stream, to_csv};
use store::spreadsheets::Spreadsheet;
use tracing::warn;
use uuid::Uuid;

use crate::{
    App, OpenError, ParsedTemplate, Tenant,
    accept::limits,
    cache::{templates, tenants},
    sealing::sealed_files::Sealer,
};

/// How many bad cells a report names.
pub(crate) const ERRORS_SHOWN: usize = 10_000;

/// What is asked of a file.
#[derive(Debug, Clone)]
pub struct Upload {
    /// Whose it is.
    pub service: ServiceId,
    /// What will be sent to its rows.
    pub template: TemplateId,
    /// What its owner calls it.
    pub file_name: String,
    /// The reply-to address or text message sender that was chosen.
    pub sender_id: Option<Uuid>,
    /// Whether it is kept for a job, or only checked.
    pub keep: bool,
}

/// What the check says.
#[derive(Debug)]
pub struct Checked {
    /// The id of the job that can be made from it, if it was kept.
    pub id: Option<JobId>,
    /// Everything that is wrong, and how many rows there are.
    pub report: Report,
    /// Nothing is wrong and a job can be made.
    pub is_valid: bool,
}

impl Checked {
    /// What is wrong with the file as a whole, a sentence each.
    pub fn problems(&self) -> Vec<String> {
        problems(&self.report, KeyType::Normal)
    }
}

/// What is wrong with a file as a whole that is to be sent with a key of this type.
pub(crate) fn problems(report: &Report, key_type: KeyType) -> Vec<String> {
    let mut problems = Vec::new();
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

/// Why a file cannot be looked at at all.
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
    /// It does not read as a spreadsheet.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
    /// It is too large.
    #[error("the file is larger than {0} bytes: split it")]
    TooLarge(u64),
    /// The sender went away before the end.
    #[error("the upload broke off before its end: send it again")]
    BrokeOff,
    /// The file storage failed.
    #[error("the file could not be kept")]
    Files(#[from] files::Error),
    /// What was kept before, and is to be taken from, cannot be read.
    #[error("the file that was kept cannot be read")]
    Kept(#[source] OpenError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// The store failed.
    #[error("the store failed")]
    Cached(#[from] std::sync::Arc<store::Error>),
}

/// Where a job's file lies.
pub(crate) fn key(service: ServiceId, job: JobId) -> Key {
    Key::spreadsheet(service.as_uuid(), job.as_uuid())
}

/// Checks a file as it comes and, if asked, keeps it. A file with errors is kept too: its owner may look at it, but no
/// job can be made from it.
pub async fn upload(
    app: &App,
    upload: Upload,
    body: impl Stream<Item = Result<Bytes, UploadError>> + Send + Unpin,
) -> Result<Checked, UploadError> {
    let name = upload.file_name.clone();
    upload_as(app, upload, &name, body).await
}

/// The same for what was kept before and is CSV, whatever it is called.
pub async fn upload_again(
    app: &App,
    upload: Upload,
    body: impl Stream<Item = Result<Bytes, UploadError>> + Send + Unpin,
) -> Result<Checked, UploadError> {
    upload_as(app, upload, "rows.csv", body).await
}

async fn upload_as(
    app: &App,
    upload: Upload,
    name: &str,
    body: impl Stream<Item = Result<Bytes, UploadError>> + Send + Unpin,
) -> Result<Checked, UploadError> {
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
    let mut intake = SpreadsheetIntake::new(
        app,
        upload.keep.then(|| place_of(upload.service, id)),
        settings,
    )
    .await?;
    match intake.take(app, name, body).await {
        Ok(()) => {}
        Err(error) => {
            intake.give_up().await;
            return Err(error);
        }
    }
    let report = intake.finish(true).await?;
    let is_valid = report.is_valid();
    if upload.keep
        && let Err(error) = remember(app, &upload, id, &report).await
    {
        // Nobody has heard of it, so that no job can be made from it.
        discard(app, upload.service, id).await;
        return Err(error);
    }
    Ok(Checked {
        id: upload.keep.then_some(id),
        report,
        is_valid,
    })
}

/// Checks text that is CSV already and keeps it, if nothing is wrong with it, as the file of this job. Nothing is
/// remembered of it: that is for the transaction that makes the job.
pub(crate) async fn store_and_check(
    app: &App,
    (service, job): (ServiceId, JobId),
    settings: Settings,
    csv: Bytes,
) -> Result<Report, UploadError> {
    let mut rest = csv;
    let pieces = futures::stream::iter(std::iter::from_fn(move || {
        let piece = rest.split_to(rest.len().min(PIECE_BYTES));
        (!piece.is_empty()).then_some(Ok(piece))
    }));
    take(app, place_of(service, job), settings, "rows.csv", pieces).await
}

/// Checks a file as it comes and keeps it in this place, under the id of what it belongs to, if nothing is wrong with
/// it. Nothing is remembered of it.
pub(crate) async fn take(
    app: &App,
    place: (Key, Uuid),
    settings: Settings,
    file_name: &str,
    body: impl Stream<Item = Result<Bytes, UploadError>> + Send + Unpin,
) -> Result<Report, UploadError> {
    let mut intake = SpreadsheetIntake::new(app, Some(place), settings).await?;
    if let Err(error) = intake.take(app, file_name, body).await {
        intake.give_up().await;
        return Err(error);
    }
    intake.finish(false).await
}

fn place_of(service: ServiceId, job: JobId) -> (Key, Uuid) {
    (key(service, job), job.as_uuid())
}

/// Removes the file of a job that was not made after all.
pub(crate) async fn discard(app: &App, service: ServiceId, job: JobId) {
    if let Err(fault) = app.files.remove(&key(service, job)).await {
        warn!(
            job.id = %job,
            error = &fault as &dyn std::error::Error,
            "the file of a job that was not made cannot be removed: it stays, sealed, and is not read"
        );
    }
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

/// How rows are to be sent, as far as it matters to their check.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SendContext {
    /// With this type of key; people send as with a normal one.
    pub(crate) key_type: KeyType,
    /// On this day.
    pub(crate) day: UtcDay,
}

/// What the file is checked against: the template, the service's permissions, whom it may reach, what is left of the
/// day. What a test key sends is not counted.
pub(crate) async fn settings(
    app: &App,
    tenant: &Tenant,
    prepared: &ParsedTemplate,
    sending: SendContext,
) -> Result<Settings, store::Error> {
    let template = &prepared.template;
    let channel = template.template_type;
    let text = match channel {
        Channel::Sms => Template::text_message(&template.content, tenant.sms_prefix()),
        Channel::Email => Template::email(
            template.subject.as_deref().unwrap_or_default(),
            &template.content,
        )
        .without_placeholders(&prepared.file_names()),
        Channel::Letter => Template::letter(
            template.subject.as_deref().unwrap_or_default(),
            &template.content,
        )
        .with_placeholders(prepared.placeholders()),
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
        allow_international_letters: tenant.may(Permission::InternationalLetters),
        ..Settings::new(text)
    })
}

/// With a team key, and in trial mode, only the team and the guests may be sent to. An empty list would mean everybody, so a service that
/// may reach nobody gets a list with nobody on it.
fn guest_list(tenant: &Tenant, key_type: KeyType) -> GuestList {
    if !tenant.is_restricted(key_type) {
        return GuestList::default();
    }
    if tenant.reachable.is_empty() {
        GuestList::new(["(nobody)"])
    } else {
        tenant.reachable.clone()
    }
}

/// What numbers a service may send to.
pub(crate) fn phone_permissions(tenant: &Tenant) -> Permissions {
    Permissions {
        international: tenant.may(Permission::InternationalSms),
        uk_landline: tenant.may(Permission::SmsToUkLandlines),
    }
}

async fn remember(
    app: &App,
    upload: &Upload,
    id: JobId,
    report: &Report,
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
        created_at: app.clock.now(),
    };
    let mut tx = app.write().await?;
    store::spreadsheets::insert(&mut tx, &sheet).await?;
    tx.commit().await?;
    Ok(())
}

/// What the links to files of a job's rows are to be made of.
pub(crate) fn link_secret(app: &App) -> Vec<u8> {
    let mut secret = vec![0; 32];
    app.random().fill(&mut secret);
    secret
}

/// How much of a file is looked at to tell what it is.
const BEGINNING_BYTES: usize = 256 << 10;
/// In what pieces a file is taken that is there whole.
const PIECE_BYTES: usize = 64 << 10;

/// Whether a file that begins so can be read as it comes: CSV in an encoding that has no mark in front.
fn begins_as_csv(beginning: &[u8], file_name: &str) -> bool {
    let is_utf_16 = matches!(beginning, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..]);
    !is_utf_16 && Kind::of(beginning, file_name) == Kind::Csv
}

/// A file on its way in: each piece is checked and, if the file is kept, sealed and written.
struct SpreadsheetIntake {
    checker: Checker,
    sealed: Option<Sealer>,
    bytes: u64,
}

impl SpreadsheetIntake {
    async fn new(
        app: &App,
        place: Option<(Key, Uuid)>,
        settings: Settings,
    ) -> Result<Self, UploadError> {
        let sealed = match place {
            Some((key, owner)) => {
                let upload = app.files.create(&key).await?;
                Some(Sealer::new(upload, app.store.keyring().clone(), owner))
            }
            None => None,
        };
        Ok(Self {
            checker: Checker::new(settings),
            sealed,
            bytes: 0,
        })
    }

    /// Takes the whole body. CSV streams through; anything else – a workbook, text in UTF-16 – has to be there whole
    /// before it can be read.
    async fn take(
        &mut self,
        app: &App,
        file_name: &str,
        mut body: impl Stream<Item = Result<Bytes, UploadError>> + Send + Unpin,
    ) -> Result<(), UploadError> {
        let limit = app.settings.max_upload_bytes;
        let mut beginning = Vec::new();
        while beginning.len() < BEGINNING_BYTES
            && let Some(piece) = body.next().await.transpose()?
        {
            self.count(piece.len(), limit)?;
            beginning.extend_from_slice(&piece);
        }
        if begins_as_csv(&beginning, file_name) {
            let mut text = Utf8Stream::default();
            self.keep(&text.push(&beginning)).await?;
            while let Some(piece) = body.next().await.transpose()? {
                self.count(piece.len(), limit)?;
                self.keep(&text.push(&piece)).await?;
            }
            return self.keep(&text.finish()).await;
        }
        let mut whole = beginning;
        while let Some(piece) = body.next().await.transpose()? {
            self.count(piece.len(), limit)?;
            whole.extend_from_slice(&piece);
        }
        let name = file_name.to_owned();
        let read = move || to_csv(&whole, &name).map(std::borrow::Cow::into_owned);
        let csv = tokio::task::spawn_blocking(read)
            .await
            .map_err(|_| UploadError::BrokeOff)??;
        for piece in csv.chunks(PIECE_BYTES) {
            self.keep(piece).await?;
        }
        Ok(())
    }

    fn count(&mut self, more: usize, limit: u64) -> Result<(), UploadError> {
        self.bytes += more as u64;
        if self.bytes > limit {
            Err(UploadError::TooLarge(limit))
        } else {
            Ok(())
        }
    }

    async fn keep(&mut self, piece: &[u8]) -> Result<(), UploadError> {
        self.checker.push(piece)?;
        if let Some(sealed) = &mut self.sealed {
            sealed.write(piece).await?;
        }
        Ok(())
    }

    /// Ends the file. One with errors is kept only if its owner may want to look at it.
    async fn finish(self, keep_bad: bool) -> Result<Report, UploadError> {
        let report = match self.checker.finish() {
            Ok(report) => report,
            Err(error) => {
                if let Some(sealed) = self.sealed {
                    sealed.abort().await;
                }
                return Err(error.into());
            }
        };
        match self.sealed {
            Some(sealed) if keep_bad || report.is_valid() => sealed.finish().await?,
            Some(sealed) => sealed.abort().await,
            None => {}
        }
        Ok(report)
    }

    async fn give_up(self) {
        if let Some(sealed) = self.sealed {
            sealed.abort().await;
        }
    }
}
