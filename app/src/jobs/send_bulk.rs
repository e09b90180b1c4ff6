//! A job that a service asks for with one of its keys: template and rows in one request (`docs/spec/workers.md` §4, by
//! another door).
//!
//! The rows are checked and kept exactly as an uploaded spreadsheet's are; then the file's record, the job, its task
//! and the request's `Idempotency-Key` are one transaction. All or nothing: one bad row and nothing is sent. The job
//! carries its key's type, so a team key reaches the team and the guests, and what a test key asks for runs the whole
//! way without being counted or leaving the platform.

use ::spreadsheets::{ReadError, Report};
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
        limits::seconds_left_today,
    },
    cache::templates,
    jobs::spreadsheets::{self, SendContext, UploadError},
    tasks,
};

/// How many rows in error are named.
const ROWS_SHOWN: usize = 100;

/// Rows to send, as they are asked for; the shape was checked by the API.
#[derive(Debug)]
pub struct BulkRequest {
    /// What its owner calls it.
    pub name: String,
    /// What to send.
    pub template_id: TemplateId,
    /// To whom and with which values: a header, and a line for each message.
    pub csv: Bytes,
    /// When, if not now.
    pub scheduled_for: Option<Timestamp>,
    /// From whom, if not from the default.
    pub sender: Option<Sender>,
    /// The service's own reference, for rows that have none.
    pub reference: Option<String>,
}

/// A sender that was chosen, with the text its id was given as.
#[derive(Debug)]
pub enum Sender {
    /// Of texts.
    Sms(SmsSenderId, String),
    /// Where answers to e-mails go.
    ReplyTo(ReplyToId, String),
}

/// Why rows are not taken.
#[derive(Debug, thiserror::Error)]
pub enum BulkError {
    /// For a reason that one message would not be taken for either.
    #[error(transparent)]
    Refused(#[from] AcceptError),
    /// Text messages have no reply-to address, and e-mails no text message sender.
    #[error("the sender is not one for {0} messages")]
    SenderOfAnotherChannel(Channel),
    /// The time has passed.
    #[error("the time is in the past")]
    InThePast,
    /// The time is too far ahead.
    #[error("the time is more than 7 days ahead")]
    TooFarAhead,
    /// It does not read as rows.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
    /// There are more rows than the service may send on any day.
    #[error("more rows than the service may send in a day")]
    MoreThanADay {
        /// How many there are.
        rows: usize,
        /// How many it may send.
        limit: i64,
    },
    /// There are more rows than are left of today.
    #[error("more rows than the service may still send today")]
    MoreThanToday {
        /// Of which kind.
        allowance: Allowance,
        /// How many are allowed.
        limit: i64,
        /// How many are left.
        remaining: i64,
        /// How many seconds are left of the day.
        wait_seconds: u32,
    },
    /// Something is wrong with the rows.
    #[error("something is wrong with the rows")]
    Invalid {
        /// Of them as a whole, a sentence each.
        problems: Vec<String>,
        /// Of each of the first rows in error.
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

/// Takes rows as a job, once if the request says so; the job is durable, with its task, when this returns.
pub async fn send_bulk(
    app: &App,
    caller: &Caller,
    order: BulkRequest,
    once: Option<IdempotentRequest<'_, Job>>,
) -> Result<Job, BulkError> {
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
    let left = Left {
        messages: settings.remaining_messages.unwrap_or(i64::MAX),
        abroad: settings
            .remaining_international_sms_messages
            .unwrap_or(i64::MAX),
    };

    let id = JobId::generate(now, app.random());
    let place = (tenant.service.id, id);
    let report = spreadsheets::store_and_check(app, place, settings, order.csv).await?;
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
    };
    let key = once.map(|once| once.answered(app.store.keyring(), &job));
    if !keep(app, &sheet, &job, key).await? {
        spreadsheets::discard(app, job.service_id, job.id).await;
        return Err(AcceptError::KeyTaken.into());
    }
    Ok(job)
}

/// The template, which decides the channel; the service must be allowed to use it.
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

/// What may still be sent on the day.
struct Left {
    messages: i64,
    abroad: i64,
}

/// What to say of rows that are not valid: what is wrong with them, or, if they are only too many, that.
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
    BulkError::MoreThanToday {
        allowance,
        limit,
        remaining,
        wait_seconds: seconds_left_today(now),
    }
}

/// One transaction: the key, what is known of the file, the job and its task. Whether the key was free.
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
