//! Audits of jobs (`docs/spec/workers.md` §4.9 to §4.12). A job and its task are written in one transaction and the
//! cursor says which rows exist, so the audits should never find anything. What they do find they repair on the path
//! that every job takes, and count in `pillarbox_audit_findings_total`, which should stay 0.

use std::{collections::BTreeSet, time::Duration};

use domain::{JobId, JobStatus, KeyType, Lane, ServiceId, Timestamp};
use queue::{Enqueue as _, TaskContext, TaskOutcome, catch_panic};
use store::{Session, jobs::Job};
use tracing::{error, info, warn};

use super::{
    batch_writer,
    process::{self, ProcessError},
    read,
    row_builder::{BuiltRow, RowBuilder},
    rows::Rows,
};
use crate::{
    App, audit,
    cache::{templates, tenants},
    local_days,
    manage::retention::MIN_DAYS,
    tasks,
};

/// Jobs examined in one run.
const JOBS_PER_RUN: u32 = 500;
/// A job without a task that has not changed for this long is stuck.
const STUCK_AFTER: Duration = Duration::from_mins(30);
/// Resumptions without a single new row before the job is left to an operator.
const MAX_RESUMPTIONS: u32 = 3;
/// How long after its end a job's rows are counted, so that its last commits are visible.
const COUNT_AFTER: Duration = Duration::from_mins(1);
/// How long after its end missing rows of a job are searched for.
const SEARCH_AFTER: Duration = Duration::from_mins(20);
/// A finished job that still lacks rows after this long is reported to the operator.
const REPORT_AFTER: Duration = Duration::from_hours(24);
/// An unfinished job is reported to the operator this long after it was due.
const OVERDUE_AFTER: Duration = Duration::from_hours(4);
/// Rows sent with a test key leave no history, so from this age on a lost row cannot be told from one removed by
/// retention.
const TEST_ROW_RETENTION_DAYS: u32 = MIN_DAYS;

/// Finds jobs that have stopped silently: no change for half an hour, and no task.
pub(crate) async fn check_job_status(app: &App) -> TaskOutcome {
    audit::audit_outcome(tasks::CHECK_JOB_STATUS, resume_all_stuck(app).await)
}

/// Enqueues the jobs that have stopped silently, and returns how many.
pub(crate) async fn resume_all_stuck(app: &App) -> Result<u64, store::Error> {
    let mut found = 0;
    for job in list_silent(app).await? {
        found += u64::from(resume_stuck(app, &job).await?);
    }
    Ok(found)
}

/// Returns the unfinished jobs that have no task and have not changed for half an hour.
pub(crate) async fn list_stuck(app: &App) -> Result<Vec<JobId>, store::Error> {
    let mut stuck = Vec::new();
    for job in list_silent(app).await? {
        let task = tasks::process_incomplete_job(job.service_id, job.id, app.clock.now());
        if !store::tasks::exists(&mut app.read().await?, task.id).await? {
            stuck.push(job.id);
        }
    }
    Ok(stuck)
}

/// Returns the finished jobs that lack rows.
pub(crate) async fn list_incomplete(app: &App) -> Result<Vec<JobId>, store::Error> {
    let before = app.clock.now().minus(COUNT_AFTER);
    let mut session = app.read().await?;
    let ever = Timestamp::default();
    let finished = store::jobs::list_finished(&mut session, ever, before, JOBS_PER_RUN).await?;
    let mut incomplete = Vec::new();
    for job in finished {
        if !has_all_rows(app, &mut session, &job).await? {
            incomplete.push(job.id);
        }
    }
    Ok(incomplete)
}

async fn list_silent(app: &App) -> Result<Vec<Job>, store::Error> {
    let statuses = [JobStatus::Pending, JobStatus::InProgress, JobStatus::Error];
    let since = app.clock.now().minus(STUCK_AFTER);
    let mut session = app.read().await?;
    store::jobs::list_unchanged(
        &mut session,
        &statuses,
        since,
        MAX_RESUMPTIONS,
        JOBS_PER_RUN,
    )
    .await
}

/// Enqueues the task of a stuck job again. Returns false if the job was not stuck after all.
async fn resume_stuck(app: &App, job: &Job) -> Result<bool, store::Error> {
    let now = app.clock.now();
    let task = tasks::process_incomplete_job(job.service_id, job.id, now);
    let mut tx = app.write().await?;
    // A task that waits for its turn is not stuck.
    if store::tasks::exists(&mut tx, task.id).await? {
        return Ok(false);
    }
    let (service, id) = (job.service_id, job.id);
    if store::jobs::count_resumption(&mut tx, service, id).await? == MAX_RESUMPTIONS {
        error!(
            job.id = %id, service.id = %service,
            "job {id} was taken up {MAX_RESUMPTIONS} times without one new row; see why with `pillarbox job status {id}`, \
             mend it, then `pillarbox job resume {id}`"
        );
    }
    // The status shows the fault before the task runs, and takes the job off the list of silent jobs.
    let error = JobStatus::Error;
    let why = Some("it stopped without a word; it is taken up again");
    let why = job.problem.as_deref().or(why);
    store::jobs::set_status(&mut tx, service, id, error, why, now).await?;
    tx.enqueue(vec![task]).await?;
    app.commit_and_notify(tx, &[tasks::JOBS]).await?;
    warn!(job.id = %id, service.id = %service, "Job {id} has not completed");
    // A job in `error` has been reported already; it is only retried.
    Ok(job.status != JobStatus::Error)
}

/// Resumes a job that an audit found stuck.
pub(crate) async fn process_incomplete(app: &App, task: &TaskContext, id: JobId) -> TaskOutcome {
    let found =
        async { store::jobs::find(&mut app.read().await?, task.leased().service_id, id).await };
    if let Ok(Some(job)) = found.await {
        // The log line counts rows from 0 as the reference does: -1 if no row exists.
        let last = i64::from(job.rows_kept) - 1;
        info!(job.id = %id, "Resuming job {id} from row {last}");
    }
    let verdict = process::process(app, task, id).await;
    if matches!(verdict, TaskOutcome::Completed) {
        info!(job.id = %id, "Resumed Job {id} completed at {}", app.clock.now());
    }
    verdict
}

/// Marks finished jobs whose rows all exist.
pub(crate) async fn update_status_of_fully_processed(app: &App) -> TaskOutcome {
    let now = app.clock.now();
    let window = (now.minus(SEARCH_AFTER), now.minus(COUNT_AFTER));
    let counted = async {
        let jobs =
            store::jobs::list_finished(&mut app.read().await?, window.0, window.1, JOBS_PER_RUN)
                .await?;
        for job in jobs {
            mark_if_complete(app, &job).await?;
        }
        Ok(0)
    };
    audit::audit_outcome(tasks::UPDATE_STATUS_OF_FULLY_PROCESSED_JOBS, counted.await)
}

/// Returns whether every row of a job exists, now or as a line of history, and marks the job if so.
async fn mark_if_complete(app: &App, job: &Job) -> Result<bool, store::Error> {
    if !has_all_rows(app, &mut app.read().await?, job).await? {
        return Ok(false);
    }
    let (finished, complete) = (
        JobStatus::Finished,
        JobStatus::FinishedAllNotificationsCreated,
    );
    let mut tx = app.write().await?;
    let now = app.clock.now();
    store::jobs::set_status_from(&mut tx, job.service_id, job.id, finished, complete, now).await?;
    tx.commit().await?;
    Ok(true)
}

async fn has_all_rows(app: &App, session: &mut Session, job: &Job) -> Result<bool, store::Error> {
    let by_status = read::outcomes(session, job).await?;
    let is_beyond_knowing = job.key_type == KeyType::Test
        && job.due < local_days::midnight_days_ago(app, TEST_ROW_RETENTION_DAYS);
    Ok(by_status.values().sum::<u32>() >= job.notification_count || is_beyond_knowing)
}

/// Searches finished jobs for missing rows and enqueues tasks that insert them.
pub(crate) async fn check_for_missing_rows(app: &App) -> TaskOutcome {
    audit::audit_outcome(tasks::CHECK_FOR_MISSING_ROWS, find_missing(app).await)
}

async fn find_missing(app: &App) -> Result<u64, store::Error> {
    let now = app.clock.now();
    search_rows(app, (now.minus(REPORT_AFTER), now.minus(SEARCH_AFTER))).await
}

/// Enqueues the search for the rows that finished jobs lack, however long ago they finished, and returns for how many jobs.
pub(crate) async fn search_missing_rows(app: &App) -> Result<u64, store::Error> {
    let before = app.clock.now().minus(COUNT_AFTER);
    search_rows(app, (Timestamp::default(), before)).await
}

async fn search_rows(
    app: &App,
    (after, before): (Timestamp, Timestamp),
) -> Result<u64, store::Error> {
    let jobs =
        store::jobs::list_finished(&mut app.read().await?, after, before, JOBS_PER_RUN).await?;
    let mut found = 0;
    for job in jobs {
        if !mark_if_complete(app, &job).await? && look_for_rows(app, &job).await? {
            found += 1;
        }
    }
    Ok(found)
}

/// Enqueues the search for a finished job's missing rows, a limited number of times. Returns false if it is queued
/// already.
async fn look_for_rows(app: &App, job: &Job) -> Result<bool, store::Error> {
    let (service, id) = (job.service_id, job.id);
    let task = tasks::process_missing_rows(service, id, app.clock.now());
    let mut tx = app.write().await?;
    if store::tasks::exists(&mut tx, task.id).await? {
        return Ok(false);
    }
    if store::jobs::count_resumption(&mut tx, service, id).await? > MAX_RESUMPTIONS {
        return Ok(false);
    }
    tx.enqueue(vec![task]).await?;
    app.commit_and_notify(tx, &[tasks::JOBS]).await?;
    Ok(true)
}

/// Reports every hour the jobs that need an operator: unfinished long after they were due, or without all their rows
/// a day after they finished. The other audits have not helped these.
pub(crate) async fn report_overdue(app: &App) -> TaskOutcome {
    audit::audit_outcome(tasks::REPORT_OVERDUE_JOBS, find_overdue(app).await)
}

async fn find_overdue(app: &App) -> Result<u64, store::Error> {
    let now = app.clock.now();
    let mut session = app.read().await?;
    let overdue =
        store::jobs::list_overdue(&mut session, now.minus(OVERDUE_AFTER), JOBS_PER_RUN).await?;
    let (ever, before) = (Timestamp::default(), now.minus(REPORT_AFTER));
    let finished = store::jobs::list_finished(&mut session, ever, before, JOBS_PER_RUN).await?;
    drop(session);
    let mut reported = 0;
    for job in overdue {
        reported += 1;
        error!(
            job.id = %job.id, service.id = %job.service_id,
            "job {} was due at {} and is {} with {} of {} rows kept; see why with `pillarbox job status {}` and \
             `pillarbox queue dead`, mend it, then `pillarbox job resume {}`",
            job.id, job.due, job.status, job.rows_kept, job.notification_count, job.id, job.id
        );
    }
    for job in finished {
        // After a pause of the clock, the rows may not have been counted yet.
        if mark_if_complete(app, &job).await? {
            continue;
        }
        reported += 1;
        error!(
            job.id = %job.id, service.id = %job.service_id,
            "job {} lacks rows a day after it finished; look at it with `pillarbox job status {}`, mend what \
             `pillarbox queue dead` says, then `pillarbox job redo {} --row N` for each row it lacks", job.id, job.id, job.id
        );
    }
    Ok(reported)
}

/// Inserts the rows that a finished job lacks: exactly those, with the ids they would have had.
pub(crate) async fn process_missing_rows(app: &App, task: &TaskContext, id: JobId) -> TaskOutcome {
    let failed = || Err(ProcessError::Broken("the program failed on it".to_owned()));
    match catch_panic(insert_missing(app, task.leased().service_id, id))
        .await
        .unwrap_or_else(failed)
    {
        Ok(()) => TaskOutcome::Completed,
        Err(error) if error.needs_operator() => {
            TaskOutcome::Discard(format!("job {id} lacks rows that cannot be kept: {error}"))
        }
        Err(error) => {
            warn!(job.id = %id, error = &error as &dyn std::error::Error, "cannot keep the missing rows of job {id} now");
            process::retry(app, task, &error)
        }
    }
}

async fn insert_missing(app: &App, service: ServiceId, id: JobId) -> Result<(), ProcessError> {
    let job = store::jobs::find(&mut app.read().await?, service, id).await?;
    let job = job.ok_or_else(|| ProcessError::Broken("there is no such job".to_owned()))?;
    // The rows may have been found complete since the task was enqueued.
    if job.status != JobStatus::Finished || mark_if_complete(app, &job).await? {
        return Ok(());
    }
    let mut session = app.read().await?;
    let mut kept: BTreeSet<u32> = BTreeSet::new();
    kept.extend(store::notifications::list_row_numbers(&mut session, &job.origin()).await?);
    // Rows removed by retention existed and must not be sent again.
    kept.extend(store::history::list_row_numbers(&mut session, &job.origin()).await?);
    drop(session);
    insert_rows(app, &job, |number| !kept.contains(&number)).await?;
    mark_if_complete(app, &job).await?;
    Ok(())
}

/// Inserts the wanted rows of a job on the path that every row takes. Returns how many were new.
pub(crate) async fn insert_rows(
    app: &App,
    job: &Job,
    is_wanted: impl Fn(u32) -> bool,
) -> Result<u64, ProcessError> {
    let (service, id) = (job.service_id, job.id);
    let broken = |what: &str| ProcessError::Broken(what.to_owned());
    let sheet = store::spreadsheets::find(&mut app.read().await?, service, id).await?;
    let sheet = sheet.ok_or_else(|| broken("its spreadsheet is not known any more"))?;
    let tenant = tenants::find(app, service).await?;
    let tenant = tenant.ok_or_else(|| broken("there is no such service"))?;
    let prepared =
        templates::find_version(app, service, job.template_id, job.template_version).await?;
    let prepared = prepared.ok_or_else(|| broken("its template is gone"))?;

    let (builder, lane) = (
        RowBuilder::open(app, &tenant, job, &sheet, &prepared).await?,
        batch_writer::lane(&prepared),
    );
    let mut rows = Rows::open(app, job, &sheet, &builder).await?;
    let (mut missing, rows_at_once) = (Vec::new(), builder.rows_at_once());
    let (mut inserted, mut all_built) = (0, Ok(()));
    while rows
        .next_piece(|number, row| {
            if number < job.notification_count && is_wanted(number) {
                info!(job.id = %id, "Processing missing row {number} for job {id}");
                match builder.build(&row, number) {
                    Ok(built) => missing.push(built),
                    // A row that cannot be built does not keep the others from being inserted.
                    Err(error) => all_built = Err(error),
                }
            }
        })
        .await?
    {
        while missing.len() >= rows_at_once {
            let later = missing.split_off(rows_at_once);
            let now_full = std::mem::replace(&mut missing, later);
            inserted += insert_built(app, job, lane, &builder, now_full).await?;
        }
    }
    inserted += insert_built(app, job, lane, &builder, missing).await?;
    all_built.map(|()| inserted)
}

async fn insert_built(
    app: &App,
    job: &Job,
    lane: Lane,
    builder: &RowBuilder<'_>,
    rows: Vec<BuiltRow>,
) -> Result<u64, ProcessError> {
    if rows.is_empty() {
        return Ok(0);
    }
    let rows = builder.attach(rows).await?;
    let mut tx = app.write().await?;
    let (count, pools) = batch_writer::insert_batch(app, &mut tx, job, lane, rows).await?;
    app.commit_and_notify(tx, &pools).await?;
    Ok(count)
}
