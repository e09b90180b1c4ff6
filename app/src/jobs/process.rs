//! Keeping the rows of a job (workers §4.6 to §4.8): the file streams, a batch of rows is one transaction – the rows,
//! their delivery tasks and the cursor on the job – and the next batch is made ready while the last is written.
//!
//! A row's id is a function of the job and its number, and the cursor moves by compare-and-set: whoever resumes, however
//! often, keeps each row once. A job that takes long gives its worker up from time to time, so that other services get
//! their turn.

use std::{sync::Arc, time::Duration};

use content::{
    email_addresses::{self, EmailAddress},
    phone_numbers::PhoneNumber,
    placeholders::NameSet,
    spreadsheets::{Layout, ReadError, Records, Row},
};
use domain::{
    Allowance, Channel, JobId, JobStatus, KeyType, Lane, NotificationId, NotificationStatus,
    ReplyToId, SmsSenderId, TaskId, Timestamp,
};
use queue::{Enqueue as _, NewTask, Task, Verdict};
use serde_json::{Map, Value};
use store::{
    jobs::Job,
    notifications::{Contents, NewNotification, Sealed},
    spreadsheets::Spreadsheet,
};
use tracing::{info, warn};

use crate::{
    App, Prepared, Tenant,
    group_commit::BATCH,
    notifications::accept::sms::shown_sender,
    sealed_files::{OpenError, Opener},
    spreadsheets, tasks, templates, tenants,
};

/// How many rows share a transaction.
const ROWS_AT_ONCE: usize = 1000;
/// How long a job holds its worker before others get their turn.
const SLICE: Duration = Duration::from_secs(20);
/// How long to wait when the store or the file storage does not answer.
const DELAY: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
enum ProcessError {
    /// Waiting helps.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// Waiting helps.
    #[error("the store failed")]
    Cached(#[from] Arc<store::Error>),
    /// Waiting helps, unless the file is gone.
    #[error("the spreadsheet cannot be read")]
    File(#[from] OpenError),
    /// Another worker has the job: it is looked at again from where that one is.
    #[error("another worker has moved its cursor")]
    Overtaken,
    /// Only a person helps.
    #[error("{0}")]
    Broken(String),
}

impl From<ReadError> for ProcessError {
    fn from(error: ReadError) -> Self {
        Self::Broken(format!("the spreadsheet does not read any more: {error}"))
    }
}

impl ProcessError {
    fn needs_a_person(&self) -> bool {
        match self {
            Self::Store(_)
            | Self::Cached(_)
            | Self::Overtaken
            | Self::File(OpenError::Files(files::Error::Storage { .. })) => false,
            Self::Broken(_) | Self::File(_) => true,
        }
    }
}

enum Progress {
    Done,
    /// Others get their turn.
    Paused,
}

/// Keeps the rows of a job that are not kept yet.
pub(crate) async fn process(app: &App, task: &Task, id: JobId) -> Verdict {
    match try_process(app, task, id).await {
        Ok(Progress::Done) => Verdict::Done,
        Ok(Progress::Paused) => Verdict::RetryAt(app.clock.now()),
        Err(error) if error.needs_a_person() => stop(app, task, id, &error).await,
        Err(error) => {
            warn!(job.id = %id, error = &error as &dyn std::error::Error, "job {id} cannot go on now, will try again");
            Verdict::RetryAt(app.clock.now().plus(DELAY))
        }
    }
}

/// Says in words on the job why it cannot go on. What is kept stays kept; once mended, replaying the dead letter goes
/// on from the cursor.
async fn stop(app: &App, task: &Task, id: JobId, why: &ProcessError) -> Verdict {
    let why = std::error::Error::source(why)
        .map_or_else(|| why.to_string(), |source| format!("{why}: {source}"));
    let stopped = async {
        let mut tx = app.write().await?;
        let (service, now) = (task.taken().service_id, app.clock.now());
        store::jobs::set_status(&mut tx, service, id, JobStatus::Error, Some(&why), now).await?;
        tx.commit().await
    };
    if let Err(fault) = stopped.await {
        warn!(job.id = %id, error = &fault as &dyn std::error::Error, "job {id} cannot be marked, will try again");
        return Verdict::RetryAt(app.clock.now().plus(DELAY));
    }
    Verdict::GiveUp(format!("job {id} cannot go on: {why}"))
}

async fn try_process(app: &App, task: &Task, id: JobId) -> Result<Progress, ProcessError> {
    let service = task.taken().service_id;
    let Some(mut job) = store::jobs::find(&mut app.read().await?, service, id).await? else {
        return Err(ProcessError::Broken("there is no such job".to_owned()));
    };
    let tenant = tenants::find(app, service).await?;
    let tenant =
        tenant.ok_or_else(|| ProcessError::Broken("there is no such service".to_owned()))?;
    info!(job.id = %id, job.status = %job.status, "processing job {id}, from row {}", job.rows_kept);
    if matches!(job.status, JobStatus::Pending | JobStatus::Error) {
        if !begin(app, &tenant, &job).await? {
            return Ok(Progress::Done);
        }
        job.status = JobStatus::InProgress;
    }
    if job.status != JobStatus::InProgress {
        info!(job.id = %id, "job {id} is {}: nothing to do", job.status);
        return Ok(Progress::Done);
    }
    let sheet = store::spreadsheets::find(&mut app.read().await?, service, id).await?;
    let sheet = sheet
        .ok_or_else(|| ProcessError::Broken("its spreadsheet is not known any more".to_owned()))?;
    keep_rows(app, task, &tenant, &job, &sheet).await
}

/// From pending to in progress, with the whole job's count spent at once: all or nothing (workers §5.3 Build). Whether
/// the job goes on.
async fn begin(app: &App, tenant: &Tenant, job: &Job) -> Result<bool, ProcessError> {
    let (service, now) = (&tenant.service, app.clock.now());
    let mut tx = app.write().await?;
    if !service.active {
        warn!(job.id = %job.id, "Job {} has been cancelled, service {} is inactive", job.id, service.id);
        store::jobs::set_status(&mut tx, service.id, job.id, JobStatus::Cancelled, None, now)
            .await?;
        tx.commit().await?;
        return Ok(false);
    }
    if !store::jobs::set_status(
        &mut tx,
        service.id,
        job.id,
        JobStatus::InProgress,
        None,
        now,
    )
    .await?
    {
        return Ok(false);
    }
    // A job that is taken up again has spent its count before.
    if job.processing_started.is_none() {
        let prepared =
            templates::find_version(app, service.id, job.template_id, job.template_version).await?;
        let channel = prepared.map_or(Channel::Email, |prepared| prepared.template.template_type);
        let allowance = Allowance::from(channel);
        let limit = service.daily_limit(allowance);
        let count = job.notification_count;
        if !store::counters::spend_all(&mut tx, service.id, allowance, now.utc_day(), count, limit)
            .await?
        {
            let why = format!("{count} messages would pass the limit of {limit} for today");
            let exceeded = JobStatus::SendingLimitsExceeded;
            store::jobs::set_status(&mut tx, service.id, job.id, exceeded, Some(&why), now).await?;
            tx.commit().await?;
            info!(job.id = %job.id, "job {}: {why}; nothing was sent", job.id);
            return Ok(false);
        }
    }
    tx.commit().await?;
    Ok(true)
}

async fn keep_rows(
    app: &App,
    task: &Task,
    tenant: &Arc<Tenant>,
    job: &Job,
    sheet: &Spreadsheet,
) -> Result<Progress, ProcessError> {
    let layout: Layout = serde_json::from_str(&sheet.layout).map_err(|error| {
        ProcessError::Broken(format!("what its check learnt does not read: {error}"))
    })?;
    let found =
        templates::find_version(app, job.service_id, job.template_id, job.template_version).await?;
    let prepared = found.ok_or_else(|| ProcessError::Broken("its template is gone".to_owned()))?;
    let press = Press::new(app, tenant, job, &prepared);

    let file = app
        .files
        .read(&spreadsheets::key(job.service_id, job.id))
        .await
        .map_err(OpenError::from)?;
    let mut file = Opener::new(file, app.store.vault().clone(), job.id.as_uuid());
    let (mut records, mut header_seen, mut row) = (Records::new(), false, 0u32);
    let started = app.clock.now();
    let mut writing = Writing {
        app,
        task,
        job,
        cursor: job.rows_kept,
        under_way: None,
    };
    let mut batch = Vec::with_capacity(ROWS_AT_ONCE);
    loop {
        let piece = file.next().await?;
        match &piece {
            Some(piece) => records.push(piece)?,
            None => records.finish()?,
        }
        while let Some(record) = records.next_record()? {
            if !std::mem::replace(&mut header_seen, true) {
                continue;
            }
            let number = row;
            row += 1;
            // Rows past the count that was checked are not sent: the file ends there.
            if number < job.rows_kept || number >= job.notification_count {
                continue;
            }
            batch.push(press.print(&layout.row(number as usize, record), number));
            if batch.len() == ROWS_AT_ONCE {
                let full = std::mem::replace(&mut batch, Vec::with_capacity(ROWS_AT_ONCE));
                writing.begin(full).await?;
                if app.clock.now().since(started) > SLICE || task.is_asked_to_stop() {
                    writing.settle().await?;
                    return Ok(Progress::Paused);
                }
            }
        }
        if piece.is_none() {
            break;
        }
    }
    writing.begin(batch).await?;
    writing.settle().await?;
    finish(app, task, job, row.min(job.notification_count)).await
}

/// Every row of the file is kept.
async fn finish(app: &App, task: &Task, job: &Job, rows: u32) -> Result<Progress, ProcessError> {
    if rows < job.notification_count {
        return Err(ProcessError::Broken(format!(
            "its spreadsheet has {rows} rows now, and had {} when it was checked",
            job.notification_count
        )));
    }
    let now = app.clock.now();
    let mut tx = app.write().await?;
    store::jobs::set_status(
        &mut tx,
        job.service_id,
        job.id,
        JobStatus::Finished,
        None,
        now,
    )
    .await?;
    task.end(&mut tx).await?;
    tx.commit().await?;
    info!(
        job.id = %job.id, service.id = %job.service_id,
        "Job {} created at {} finished at {now}, all {rows} rows kept", job.id, job.created_at
    );
    Ok(Progress::Done)
}

/// Batches on their way into the store, one at a time, while the next is made ready.
struct Writing<'a> {
    app: &'a App,
    task: &'a Task,
    job: &'a Job,
    cursor: u32,
    under_way: Option<tokio::task::JoinHandle<Result<Written, store::Error>>>,
}

impl Writing<'_> {
    async fn begin(&mut self, rows: Vec<Printed>) -> Result<(), ProcessError> {
        self.settle().await?;
        if rows.is_empty() {
            return Ok(());
        }
        if !self.task.is_held(self.app.clock.now()) {
            return Err(ProcessError::Overtaken);
        }
        let before = self.cursor;
        self.cursor += u32::try_from(rows.len()).expect("a batch is small");
        self.under_way = Some(tokio::spawn(write(
            self.app.clone(),
            self.job.clone(),
            rows,
            before,
            self.cursor,
        )));
        Ok(())
    }

    /// Waits for the batch that is being written.
    async fn settle(&mut self) -> Result<(), ProcessError> {
        let Some(under_way) = self.under_way.take() else {
            return Ok(());
        };
        let written = under_way
            .await
            .map_err(|_| ProcessError::Broken("a write panicked".to_owned()))??;
        match written {
            Written::All => Ok(()),
            Written::CursorElsewhere => Err(ProcessError::Overtaken),
            Written::IdsTaken(count) => Err(ProcessError::Broken(format!(
                "{count} of the rows before {} have ids that other messages have: the database is damaged",
                self.cursor
            ))),
        }
    }
}

/// What became of a batch.
enum Written {
    All,
    /// Somebody else has kept these rows, or stopped the job. Nothing was written.
    CursorElsewhere,
    /// The cursor says these rows are not kept, and some are there. Nothing was written.
    IdsTaken(u64),
}

/// One transaction: rows, their delivery tasks, and the cursor.
async fn write(
    app: App,
    job: Job,
    rows: Vec<Printed>,
    before: u32,
    after: u32,
) -> Result<Written, store::Error> {
    let now = app.clock.now();
    let mut ids = Vec::with_capacity(rows.len());
    let mut sealed = Vec::with_capacity(rows.len());
    let mut channel = Channel::Email;
    for row in rows {
        channel = row.channel;
        if row.is_to_be_sent {
            ids.push(row.sealed.id);
        }
        sealed.push(row.sealed);
    }
    let mut tx = app.write().await?;
    if !store::jobs::advance(&mut tx, job.service_id, job.id, before, after, now).await? {
        return Ok(Written::CursorElsewhere);
    }
    let put = store::notifications::insert_many(&mut tx, &sealed).await?;
    if put != sealed.len() as u64 {
        return Ok(Written::IdsTaken(sealed.len() as u64 - put));
    }
    let tasks: Vec<NewTask> = ids
        .chunks(BATCH)
        .map(|ids: &[NotificationId]| {
            tasks::deliver(
                TaskId::mint(now, app.entropy()),
                job.service_id,
                channel,
                Lane::Bulk,
                ids,
                now,
            )
        })
        .collect();
    tx.enqueue(tasks).await?;
    app.commit_and_wake(tx, &[tasks::delivery_pool(channel)])
        .await?;
    metrics::counter!("pillarbox_notifications_kept_total").increment(put);
    Ok(Written::All)
}

/// A row made ready.
struct Printed {
    sealed: Sealed,
    channel: Channel,
    is_to_be_sent: bool,
}

/// Makes rows into notifications.
struct Press<'a> {
    app: &'a App,
    tenant: &'a Tenant,
    job: &'a Job,
    prepared: &'a Prepared,
    placeholders: NameSet,
    sender: Option<String>,
    now: Timestamp,
}

/// What a row's recipient turns out to be.
struct Addressed {
    normalised: String,
    international: bool,
    phone_prefix: Option<String>,
    rate_multiplier: Option<u32>,
    problem: Option<String>,
}

impl<'a> Press<'a> {
    fn new(app: &'a App, tenant: &'a Tenant, job: &'a Job, prepared: &'a Prepared) -> Self {
        let placeholders = prepared.placeholders().clone();
        let sender = sender(tenant, job, prepared.template.template_type);
        Self {
            app,
            tenant,
            job,
            prepared,
            placeholders,
            sender,
            now: app.clock.now(),
        }
    }

    fn print(&self, row: &Row<'_>, number: u32) -> Printed {
        let channel = self.prepared.template.template_type;
        let recipient = row.recipient().unwrap_or_default();
        let mut addressed = match channel {
            Channel::Sms => self.address_text(recipient),
            Channel::Email | Channel::Letter => address_email(recipient),
        };
        if addressed.problem.is_none()
            && self.tenant.is_confined(KeyType::Normal)
            && !self.tenant.reachable.allows(recipient)
        {
            addressed.problem =
                Some("not on the team or guest list, and the service is in trial mode".to_owned());
        }
        let is_to_be_sent = addressed.problem.is_none();
        let notification = NewNotification {
            id: self.job.origin().row(number),
            service_id: self.job.service_id,
            job_row: Some((self.job.id, number)),
            template_id: self.job.template_id,
            template_version: self.job.template_version,
            api_key_id: None,
            key_type: KeyType::Normal,
            channel,
            status: if is_to_be_sent {
                NotificationStatus::Created
            } else {
                NotificationStatus::ValidationFailed
            },
            contents: Contents {
                recipient: recipient.to_owned().into(),
                normalised: addressed.normalised.into(),
                personalisation: self.personalisation(row).into(),
                unsubscribe_url: None,
            },
            client_reference: row.client_reference().map(str::to_owned),
            reply_to_text: self.sender.clone(),
            international: addressed.international,
            phone_prefix: addressed.phone_prefix,
            rate_multiplier: addressed.rate_multiplier,
            postage: None,
            reference: None,
            documents: 0,
            created_by: self.job.created_by,
            created_at: self.now,
            problem: addressed.problem,
        };
        Printed {
            sealed: notification.seal(self.app.store.vault()),
            channel,
            is_to_be_sent,
        }
    }

    /// The columns that the template uses (workers §4.7).
    fn personalisation(&self, row: &Row<'_>) -> Map<String, Value> {
        row.personalisation(&self.placeholders)
            .iter()
            .filter(|(name, _)| self.placeholders.contains(name))
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect()
    }

    /// Rules may have tightened since the file was checked: a number that cannot be sent to any more is kept, and not
    /// sent (workers §4.8).
    fn address_text(&self, recipient: &str) -> Addressed {
        let permissions = spreadsheets::phone_permissions(self.tenant);
        match PhoneNumber::parse(recipient)
            .and_then(|number| number.check(permissions).map(|()| number))
        {
            Ok(number) => Addressed {
                normalised: number.normalised(),
                international: number.is_international(),
                phone_prefix: Some(number.country_prefix()),
                rate_multiplier: number.rate_multiplier(),
                problem: None,
            },
            Err(error) => Addressed {
                normalised: recipient.to_owned(),
                international: false,
                phone_prefix: Some("44".to_owned()),
                rate_multiplier: Some(0),
                problem: Some(error.message().to_owned()),
            },
        }
    }
}

fn address_email(recipient: &str) -> Addressed {
    let (normalised, problem) = match EmailAddress::parse(recipient) {
        Ok(address) => (address.normalised(), None),
        Err(error) => (
            email_addresses::formatted_only(recipient),
            Some(error.to_string()),
        ),
    };
    Addressed {
        normalised,
        international: false,
        phone_prefix: None,
        rate_multiplier: None,
        problem,
    }
}

/// The chosen sender; one that was archived since the upload falls back to the default (workers §4.8 Build).
fn sender(tenant: &Tenant, job: &Job, channel: Channel) -> Option<String> {
    match channel {
        Channel::Sms => {
            let chosen = job
                .sender_id
                .and_then(|id| tenant.sms_sender(SmsSenderId::from(id)));
            warn_if_gone(job, chosen.is_none());
            chosen
                .or(tenant.default_sms_sender())
                .map(|sender| shown_sender(&sender.sms_sender))
        }
        Channel::Email | Channel::Letter => {
            let chosen = job
                .sender_id
                .and_then(|id| tenant.reply_to(ReplyToId::from(id)));
            warn_if_gone(job, chosen.is_none());
            chosen
                .or(tenant.default_reply_to())
                .map(|reply_to| reply_to.email_address.clone())
        }
    }
}

fn warn_if_gone(job: &Job, is_gone: bool) {
    if let (Some(sender), true) = (job.sender_id, is_gone) {
        warn!(job.id = %job.id, "the sender {sender} of job {} is archived: the default is used", job.id);
    }
}
