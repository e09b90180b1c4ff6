//! Writes the rows of a job (`docs/spec/workers.md` §4.6 to §4.8). The file is streamed; a batch is one transaction
//! of rows, delivery tasks and the job's cursor, and the next batch is built while the last is written.
//!
//! A row's id is a function of the job and the row number, and the cursor moves by compare-and-set, so however often
//! a job is resumed, each row is written once. A long job gives up its worker from time to time, so that other
//! services get their turn.

use std::{sync::Arc, time::Duration};

use ::spreadsheets::ReadError;
use domain::{JobId, JobStatus};
use queue::{TaskContext, TaskOutcome, catch_panic};
use store::{jobs::Job, spreadsheets::Spreadsheet};
use tracing::{info, warn};

use super::{
    batch_writer::{BatchWriter, lane},
    quota::{self, allowance, refund_unused},
    row_builder::{BuiltRow, RowBuilder},
    rows::Rows,
};
use crate::{
    App, Tenant,
    accept::storage::{self, StorageError},
    cache::{templates, tenants},
    documents::FileError,
    sealing::sealed_files::OpenError,
    tasks,
};

/// How long a job uses its worker before other jobs get their turn.
const MAX_TURN_TIME: Duration = Duration::from_secs(20);

#[derive(Debug, thiserror::Error)]
pub(super) enum ProcessError {
    /// Transient.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// Transient.
    #[error("the store failed")]
    Cached(#[from] Arc<store::Error>),
    /// Transient, unless the file is gone.
    #[error("the spreadsheet cannot be read")]
    File(#[from] OpenError),
    /// Transient, unless a file of the template is gone.
    #[error("the files of its template cannot be given to its rows")]
    Attachments(#[from] FileError),
    /// Another worker has the job, or it was stopped: it is read again and continued from its state.
    #[error("somebody has paused it, or another worker has moved its cursor")]
    Overtaken,
    /// Permanent: the job stops until an operator has mended the cause.
    #[error("{0}")]
    Broken(String),
}

impl From<ReadError> for ProcessError {
    fn from(error: ReadError) -> Self {
        Self::Broken(format!("the spreadsheet does not read any more: {error}"))
    }
}

impl ProcessError {
    /// Describes the failed step and its cause, for the job's `problem`.
    pub(super) fn in_words(&self) -> String {
        std::error::Error::source(self)
            .map_or_else(|| self.to_string(), |source| format!("{self}: {source}"))
    }

    pub(super) fn needs_operator(&self) -> bool {
        match self {
            Self::Store(_)
            | Self::Cached(_)
            | Self::Overtaken
            | Self::File(OpenError::Files(files::Error::Storage { .. })) => false,
            Self::Attachments(fault) => !matches!(
                fault,
                FileError::Template(OpenError::Files(files::Error::Storage { .. }))
                    | FileError::Scanner(_)
                    | FileError::ExternalService(_)
                    | FileError::Files(_)
                    | FileError::Store(_)
            ),
            Self::Broken(_) | Self::File(_) => true,
        }
    }

    const fn counts_as_attempt(&self) -> bool {
        // A failing database or file storage fails every job alike and is waited for, and a moved cursor is progress.
        matches!(
            self,
            Self::Attachments(FileError::Scanner(_) | FileError::ExternalService(_))
        )
    }
}

enum Progress {
    Done,
    /// The job gives up its worker and continues in a later turn.
    Paused,
}

/// Writes the rows of a job that do not exist yet.
pub(crate) async fn process(app: &App, task: &TaskContext, id: JobId) -> TaskOutcome {
    let failed = || Err(ProcessError::Broken("the program failed on it".to_owned()));
    match catch_panic(try_process(app, task, id))
        .await
        .unwrap_or_else(failed)
    {
        Ok(Progress::Done) => TaskOutcome::Completed,
        Ok(Progress::Paused) => TaskOutcome::Snooze(app.clock.now()),
        Err(error) if error.needs_operator() => stop(app, task, id, &error).await,
        Err(error) => {
            let outcome = retry(app, task, &error);
            if matches!(outcome, TaskOutcome::Discard(_)) {
                return stop(app, task, id, &error).await;
            }
            warn!(job.id = %id, error = &error as &dyn std::error::Error, "job {id} cannot go on now, will try again");
            if !matches!(error, ProcessError::Overtaken) {
                record_problem(app, task, id, &error).await;
            }
            outcome
        }
    }
}

/// Returns how a failed task of a job continues: by the retry policy of its kind, and without counting an attempt if
/// the failure says nothing about the job.
pub(super) fn retry(app: &App, task: &TaskContext, error: &ProcessError) -> TaskOutcome {
    if error.counts_as_attempt() {
        return tasks::retry(task, app.random(), &error.in_words());
    }
    TaskOutcome::Snooze(app.clock.now().plus(tasks::STORAGE_PAUSE))
}

/// Records on the job why it does not progress, for as long as it does not. If the store cannot take even that, the
/// log has it.
async fn record_problem(app: &App, task: &TaskContext, id: JobId, why: &ProcessError) {
    let why = format!("cannot go on now, and is tried again: {}", why.in_words());
    let noted = async {
        let mut tx = app.write().await?;
        let (service, now) = (task.leased().service_id, app.clock.now());
        store::jobs::set_problem(&mut tx, service, id, &why, now).await?;
        tx.commit().await
    };
    if let Err(fault) = noted.await {
        warn!(job.id = %id, error = &fault as &dyn std::error::Error, "job {id} cannot be marked");
    }
}

/// Stops the job with the status `error` and the reason. Its rows stay; replaying the dead letter continues from the
/// cursor.
async fn stop(app: &App, task: &TaskContext, id: JobId, why: &ProcessError) -> TaskOutcome {
    let why = why.in_words();
    let given_up = format!("job {id} cannot go on: {why}");
    let stopped = async {
        let mut tx = app.write().await?;
        let (service, now) = (task.leased().service_id, app.clock.now());
        store::jobs::set_status(&mut tx, service, id, JobStatus::Error, Some(&why), now).await?;
        // From here on, resuming the job finds no task and enqueues one.
        task.dead_letter(&mut tx, &given_up, now).await?;
        tx.commit().await
    };
    if let Err(fault) = stopped.await {
        warn!(job.id = %id, error = &fault as &dyn std::error::Error, "job {id} cannot be marked, will try again");
        return TaskOutcome::Snooze(app.clock.now().plus(tasks::STORAGE_PAUSE));
    }
    TaskOutcome::Discard(given_up)
}

async fn try_process(app: &App, task: &TaskContext, id: JobId) -> Result<Progress, ProcessError> {
    let service = task.leased().service_id;
    let Some(mut job) = store::jobs::find(&mut app.read().await?, service, id).await? else {
        return Err(ProcessError::Broken("there is no such job".to_owned()));
    };
    let tenant = tenants::find(app, service).await?;
    let tenant =
        tenant.ok_or_else(|| ProcessError::Broken("there is no such service".to_owned()))?;
    info!(job.id = %id, job.status = %job.status, "processing job {id}, from row {}", job.rows_kept);
    if !is_to_go_on(job.status) {
        return yield_turn(app, task, &job).await;
    }
    if !tenant.service.active {
        return cancel(app, task, &job).await;
    }
    if job.status != JobStatus::InProgress {
        if !begin(app, &tenant, &job).await? {
            return Ok(Progress::Done);
        }
        job.status = JobStatus::InProgress;
    }
    let sheet = store::spreadsheets::find(&mut app.read().await?, service, id).await?;
    let sheet = sheet
        .ok_or_else(|| ProcessError::Broken("its spreadsheet is not known any more".to_owned()))?;
    keep_rows(app, task, &tenant, &job, &sheet).await
}

const fn is_to_go_on(status: JobStatus) -> bool {
    matches!(
        status,
        JobStatus::Pending | JobStatus::InProgress | JobStatus::Error
    )
}

/// Completes the task of a job that has nothing to do, while the job's row is locked: a concurrent resume either
/// comes first, and then there is something to do, or comes after, finds no task and enqueues one.
async fn yield_turn(app: &App, task: &TaskContext, job: &Job) -> Result<Progress, ProcessError> {
    let mut tx = app.write().await?;
    let status = store::jobs::lock_status(&mut tx, job.service_id, job.id).await?;
    if status.is_some_and(is_to_go_on) {
        return Ok(Progress::Paused);
    }
    task.complete(&mut tx).await?;
    tx.commit().await?;
    info!(job.id = %job.id, "job {} is {}: nothing to do", job.id, job.status);
    Ok(Progress::Done)
}

/// Cancels the job of an inactive service and refunds its unused quota.
async fn cancel(app: &App, task: &TaskContext, job: &Job) -> Result<Progress, ProcessError> {
    let (service, now) = (job.service_id, app.clock.now());
    let allowance = allowance(app, job).await?;
    let mut tx = app.write().await?;
    // The cursor does not move from here on.
    let status = store::jobs::lock_status(&mut tx, service, job.id).await?;
    let job = &store::jobs::find(&mut tx, service, job.id)
        .await?
        .unwrap_or_else(|| job.clone());
    let why = Some("its service is inactive");
    let cancelled = JobStatus::Cancelled;
    if status.is_none_or(|status| !is_to_go_on(status))
        || !store::jobs::set_status(&mut tx, service, job.id, cancelled, why, now).await?
    {
        return Ok(Progress::Paused);
    }
    refund_unused(&mut tx, job, allowance).await?;
    task.complete(&mut tx).await?;
    tx.commit().await?;
    warn!(job.id = %job.id, "Job {} has been cancelled, service {service} is inactive", job.id);
    Ok(Progress::Done)
}

/// Changes the job from `pending` to `in progress` and spends its whole count from the daily quota, all or nothing
/// (`docs/spec/workers.md` §5.3 Build). Returns whether the job continues.
async fn begin(app: &App, tenant: &Tenant, job: &Job) -> Result<bool, ProcessError> {
    let (service, now) = (&tenant.service, app.clock.now());
    let allowance = allowance(app, job).await?;
    let is_full = match storage::check(app, service).await {
        Ok(()) => None,
        Err(StorageError::Exceeded(exceeded)) => Some(exceeded.to_string()),
        Err(StorageError::Store(error)) => return Err(error.into()),
    };
    let mut tx = app.write().await?;
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
        // Another worker has begun it, or it was stopped, since it was read.
        return Err(ProcessError::Overtaken);
    }
    let limit = service.daily_limit(allowance);
    let why = if is_full.is_some() {
        is_full
    } else if quota::spend(&mut tx, job, allowance, limit, now).await? {
        None
    } else {
        let count = job.notification_count;
        Some(format!(
            "{count} messages would pass the limit of {limit} for today"
        ))
    };
    let is_granted = why.is_none();
    if let Some(why) = why {
        let exceeded = JobStatus::SendingLimitsExceeded;
        store::jobs::set_status(&mut tx, service.id, job.id, exceeded, Some(&why), now).await?;
        info!(job.id = %job.id, "job {}: {why}; nothing was sent", job.id);
    }
    tx.commit().await?;
    Ok(is_granted)
}

async fn keep_rows(
    app: &App,
    task: &TaskContext,
    tenant: &Arc<Tenant>,
    job: &Job,
    sheet: &Spreadsheet,
) -> Result<Progress, ProcessError> {
    let found =
        templates::find_version(app, job.service_id, job.template_id, job.template_version).await?;
    let prepared = found.ok_or_else(|| ProcessError::Broken("its template is gone".to_owned()))?;
    let press = RowBuilder::open(app, tenant, job, sheet, &prepared).await?;

    let mut rows = Rows::open(app, job, sheet, &press).await?;
    let started = app.clock.now();
    let mut writing = BatchWriter::new(app, task, job, lane(&prepared));
    let rows_at_once = press.rows_at_once();
    let mut batch = Vec::with_capacity(2 * rows_at_once);
    let mut all_built = Ok(());
    while all_built.is_ok()
        && rows
            .next_piece(|number, row| {
                // Rows beyond the checked count are not sent: the file ended there when it was checked.
                if all_built.is_ok() && (job.rows_kept..job.notification_count).contains(&number) {
                    all_built = press.build(&row, number).map(|proof| batch.push(proof));
                }
            })
            .await?
    {
        record_held(&batch, &writing);
        while batch.len() >= rows_at_once {
            let later = batch.split_off(rows_at_once);
            let full = std::mem::replace(&mut batch, later);
            writing.begin(press.attach(full).await?).await?;
            if app.clock.now().since(started) > MAX_TURN_TIME || task.is_stopping() {
                writing.flush().await?;
                return Ok(Progress::Paused);
            }
        }
    }
    writing.begin(press.attach(batch).await?).await?;
    writing.flush().await?;
    // The rows before one that cannot be built are written.
    all_built?;
    finish(app, task, job, rows.count().min(job.notification_count)).await
}

/// Records how many bytes of rows are in memory: they are bounded by the size of two batches and of a piece of the file,
/// however long the file is.
fn record_held(batch: &[BuiltRow], writing: &BatchWriter<'_>) {
    let rows: usize = batch.iter().map(BuiltRow::size_bytes).sum();
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let held = (rows + writing.bytes_under_way()) as f64;
    metrics::histogram!("pillarbox_job_held_bytes").record(held);
}

/// Marks a job as finished: every row of its file exists.
async fn finish(
    app: &App,
    task: &TaskContext,
    job: &Job,
    rows: u32,
) -> Result<Progress, ProcessError> {
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
    task.complete(&mut tx).await?;
    tx.commit().await?;
    info!(
        job.id = %job.id, service.id = %job.service_id,
        "Job {} created at {} started at {} finished at {now}, all {rows} rows kept",
        job.id, job.created_at, job.processing_started.unwrap_or(now)
    );
    Ok(Progress::Done)
}
