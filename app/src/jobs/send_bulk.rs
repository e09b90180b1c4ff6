//! Creates a job from one API request that names the template and holds the rows (`docs/spec/workers.md` §4).
//!
//! The rows are checked and stored exactly as an uploaded spreadsheet's are. Then the file's record, the job, its
//! task and the request's `Idempotency-Key` are one transaction, and one bad row rejects the whole request. The job
//! carries the type of its key: a team key reaches only the team and its guests, and a test key's rows are neither
//! counted nor sent outside.

use ::spreadsheets::{LongRows, ReadError, Report};
use bytes::Bytes;
use domain::{Allowance, Channel, JobId, ReplyToId, SmsSenderId, TemplateId, Timestamp};
use store::{idempotency_keys::NewKey, jobs::Job, spreadsheets::Spreadsheet};
use uuid::Uuid;

use super::{
    CreateError,
    create::{check_time, first_status, insert},
};
use crate::{
    App, Caller, ParsedTemplate, Tenant,
    accept::{
        AcceptError, check_channel,
        idempotency::{self, IdempotentRequest},
        letter::check_may_send_letters,
        limits::{QuotaExceeded, seconds_left_today},
    },
    cache::templates,
    jobs::spreadsheets::{self, SendContext, UploadError},
    tasks,
};

/// Rows with errors that the response names.
const ROWS_SHOWN: usize = 100;

/// Rows with errors after which the check ends. A program made the rows, and it is wrong by then.
const ROWS_IN_ERROR: usize = 1_000;

/// Rows to send; the API has checked the shape of the request.
#[derive(Debug)]
pub struct BulkRequest {
    /// The job's name.
    pub name: String,
    /// The template.
    pub template_id: TemplateId,
    /// CSV: a header, then a line for each message.
    pub csv: Bytes,
    /// When the job starts, if not now.
    pub scheduled_for: Option<Timestamp>,
    /// The sender, if not the default.
    pub sender: Option<Sender>,
    /// The client's reference for rows that have none of their own.
    pub reference: Option<String>,
}

/// A job that was created from rows.
#[derive(Debug)]
pub struct BulkJob {
    /// The job.
    pub job: Job,
    /// What looks wrong with the rows, a sentence each; they are sent nevertheless.
    pub warnings: Vec<String>,
}

/// A chosen sender, with the text that its id was given as.
#[derive(Debug)]
pub enum Sender {
    /// A text message sender.
    Sms(SmsSenderId, String),
    /// A reply-to address.
    ReplyTo(ReplyToId, String),
}

/// Why a bulk request is rejected.
#[derive(Debug, thiserror::Error)]
pub enum BulkError {
    /// For a reason that would reject a single message too.
    #[error(transparent)]
    Refused(#[from] AcceptError),
    /// Text messages have no reply-to address, and e-mails have no text message sender.
    #[error("the sender is not one for {0} messages")]
    SenderOfAnotherChannel(Channel),
    /// The scheduled time has passed.
    #[error("the time is in the past")]
    InThePast,
    /// The scheduled time is too far ahead.
    #[error("the time is more than 7 days ahead")]
    TooFarAhead,
    /// The rows cannot be read.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
    /// There are more rows than the service's daily quota.
    #[error("more rows than the service may send in a day")]
    MoreThanADay {
        /// Rows in the request.
        rows: usize,
        /// The daily quota.
        limit: i64,
    },
    /// There are more rows than are left of today's quota.
    #[error("more rows than the service may still send today")]
    MoreThanToday(QuotaExceeded),
    /// The rows have errors.
    #[error("something is wrong with the rows")]
    Invalid {
        /// Errors of the rows as a whole, a sentence each.
        problems: Vec<String>,
        /// Errors of single rows, the first ones.
        report: Box<Report>,
    },
    /// The file storage failed.
    #[error("the rows could not be kept")]
    Files(#[source] UploadError),
}

impl From<store::Error> for BulkError {
    fn from(error: store::Error) -> Self {
        Self::Refused(error.into())
    }
}

impl From<UploadError> for BulkError {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::Unreadable(error) => Self::Unreadable(error),
            error => Self::Files(error),
        }
    }
}

/// Creates a job from rows, once for each idempotency key. When this returns, the job and its task are durable.
pub async fn send_bulk(
    app: &App,
    caller: &Caller,
    order: BulkRequest,
    once: Option<IdempotentRequest<'_, BulkJob>>,
) -> Result<BulkJob, BulkError> {
    let (tenant, now) = (&caller.tenant, app.clock.now());
    let prepared = find_template(app, caller, order.template_id).await?;
    let sender_id = find_sender(tenant, prepared.template.template_type, order.sender)?;
    check_time(order.scheduled_for, now).map_err(|error| match error {
        CreateError::InThePast => BulkError::InThePast,
        _ => BulkError::TooFarAhead,
    })?;
    let due = order.scheduled_for.unwrap_or(now);
    let sending = SendContext {
        key_type: caller.key_type,
        day: due.utc_day(),
    };
    let mut settings = spreadsheets::settings(app, tenant, &prepared, sending).await?;
    settings.max_errors_shown = ROWS_SHOWN;
    settings.max_errors = Some(ROWS_IN_ERROR);
    // A program made the rows, so a surplus cell is a mistake in all of them, as CSV too.
    settings.long_rows = LongRows::Refused;
    let left = Left {
        messages: settings.remaining_messages.unwrap_or(i64::MAX),
        abroad: settings
            .remaining_international_sms_messages
            .unwrap_or(i64::MAX),
    };

    let id = JobId::generate(now, app.random());
    let place = (tenant.service.id, id);
    let (report, size_bytes) =
        spreadsheets::store_and_check(app, place, settings, order.csv).await?;
    if !report.is_valid() {
        return Err(refusal(caller, &prepared, report, &left, now));
    }
    let sheet = Spreadsheet {
        id,
        service_id: tenant.service.id,
        template_id: order.template_id,
        original_file_name: order.name,
        notification_count: u32::try_from(report.rows()).unwrap_or(u32::MAX),
        valid: true,
        sender_id,
        layout: serde_json::to_string(&report.layout).expect("a layout is writable as JSON"),
        link_secret: spreadsheets::link_secret(app),
        size_bytes,
        created_at: now,
    };
    let job = Job {
        id,
        service_id: sheet.service_id,
        template_id: sheet.template_id,
        template_version: prepared.template.version,
        original_file_name: sheet.original_file_name.clone(),
        notification_count: sheet.notification_count,
        sender_id,
        created_by: None,
        api_key_id: Some(caller.key_id),
        key_type: caller.key_type,
        client_reference: order.reference,
        status: first_status(order.scheduled_for),
        problem: None,
        due,
        scheduled_for: order.scheduled_for,
        rows_kept: 0,
        created_at: now,
        updated_at: None,
        processing_started: None,
        processing_finished: None,
        archived: false,
        contact_list_id: None,
        resumptions: 0,
        quota_day: None,
    };
    let created = BulkJob {
        job,
        warnings: report.warnings,
    };
    let key = once.map(|once| once.answered(app.store.keyring(), &created));
    let job = &created.job;
    if !keep(app, &sheet, job, key).await? {
        spreadsheets::discard(app, job.service_id, job.id).await;
        return Err(AcceptError::KeyTaken.into());
    }
    Ok(created)
}

/// Finds the template, which decides the channel, and checks that the service may use that channel.
async fn find_template(
    app: &App,
    caller: &Caller,
    id: TemplateId,
) -> Result<std::sync::Arc<ParsedTemplate>, BulkError> {
    let found = templates::find(app, caller.tenant.service.id, id)
        .await
        .map_err(AcceptError::from)?;
    let prepared = found
        .filter(|found| !found.template.hidden)
        .ok_or(AcceptError::NoSuchTemplate)?;
    check_channel(caller, prepared.template.template_type)?;
    if prepared.template.archived {
        return Err(AcceptError::TemplateArchived.into());
    }
    if prepared.template.template_type == Channel::Letter {
        check_may_send_letters(caller)?;
    }
    Ok(prepared)
}

fn find_sender(
    tenant: &Tenant,
    channel: Channel,
    sender: Option<Sender>,
) -> Result<Option<Uuid>, BulkError> {
    match (channel, sender) {
        (_, None) => Ok(None),
        (Channel::Sms, Some(Sender::Sms(id, as_given))) => match tenant.sms_sender(id) {
            Some(_) => Ok(Some(id.as_uuid())),
            None => Err(AcceptError::NoSuchSmsSender(as_given).into()),
        },
        (Channel::Email, Some(Sender::ReplyTo(id, as_given))) => match tenant.reply_to(id) {
            Some(_) => Ok(Some(id.as_uuid())),
            None => Err(AcceptError::NoSuchReplyTo(as_given).into()),
        },
        (channel, Some(_)) => Err(BulkError::SenderOfAnotherChannel(channel)),
    }
}

/// What is left of the quota on the day of the job.
struct Left {
    messages: i64,
    abroad: i64,
}

/// Returns the error for invalid rows: their own errors, or that there are only too many of them.
fn refusal(
    caller: &Caller,
    prepared: &ParsedTemplate,
    report: Report,
    left: &Left,
    now: Timestamp,
) -> BulkError {
    let channel = Allowance::from(prepared.template.template_type);
    let (allowance, remaining, is_over) = if report.more_rows_than_can_send() {
        (channel, left.messages, true)
    } else {
        let is_over = report.more_international_sms_than_can_send();
        (Allowance::InternationalSms, left.abroad, is_over)
    };
    if !is_over || report.too_many_rows() || report.error_counts.rows_with_errors > 0 {
        return BulkError::Invalid {
            problems: spreadsheets::problems(&report, caller.key_type),
            report: Box::new(report),
        };
    }
    let limit = caller.tenant.service.daily_limit(allowance);
    let rows = report.rows();
    if allowance == channel && i64::try_from(rows).is_ok_and(|rows| rows > limit) {
        return BulkError::MoreThanADay { rows, limit };
    }
    BulkError::MoreThanToday(QuotaExceeded {
        allowance,
        limit,
        remaining,
        wait_seconds: seconds_left_today(now),
    })
}

/// Stores the key, the record of the file, the job and its task in one transaction. Returns false if the key is in
/// use.
async fn keep(
    app: &App,
    sheet: &Spreadsheet,
    job: &Job,
    key: Option<NewKey>,
) -> Result<bool, store::Error> {
    let mut tx = app.write().await?;
    if let Some(key) = key
        && !idempotency::claim(&mut tx, &key, job.created_at).await?
    {
        tx.roll_back().await?;
        return Ok(false);
    }
    store::spreadsheets::insert(&mut tx, sheet).await?;
    insert(&mut tx, job).await?;
    app.commit_and_notify(tx, &[tasks::JOBS]).await?;
    Ok(true)
}
