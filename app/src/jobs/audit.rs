//! The auditors of jobs (workers §4.9 to §4.12). A job and its task are one transaction and a row's place is kept by a
//! cursor, so they should never find anything; should they, they mend it on the path that every job takes, and what they
//! found is counted in `pillarbox_audit_findings_total`, which should stay 0.

use std::{collections::BTreeSet, time::Duration};

use domain::{JobId, JobStatus, Lane};
use queue::{Enqueue as _, Task, Verdict};
use store::jobs::Job;
use tracing::{error, info, warn};

use super::{
    press::{Press, Printed},
    process::{self, ProcessError},
    rows::Rows,
    writing,
};
use crate::{App, audit, tasks, templates, tenants};

/// How many jobs are looked at in one run.
const AT_ONCE: u32 = 500;
/// A job that has not changed for this long and has no task is stuck.
const SILENCE: Duration = Duration::from_mins(30);
/// How often a job is taken up again without one new row before a person has to look.
const MOST_RESUMPTIONS: u32 = 3;
/// A finished job's rows are counted after this long…
const SETTLING: Duration = Duration::from_mins(1);
/// …and looked for after this long.
const LOOK_AFTER: Duration = Duration::from_mins(20);
/// A job that is still not complete after this long needs a person.
const A_DAY: Duration = Duration::from_hours(24);

/// Finds jobs that stopped without anybody knowing: no change for half an hour, and no task.
pub(crate) async fn check_job_status(app: &App) -> Verdict {
    audit::verdict("check-job-status", find_stuck(app).await)
}

async fn find_stuck(app: &App) -> Result<u64, store::Error> {
    let statuses = [JobStatus::Pending, JobStatus::InProgress, JobStatus::Error];
    let since = app.clock.now().minus(SILENCE);
    let mut session = app.read().await?;
    let silent =
        store::jobs::list_unchanged(&mut session, &statuses, since, MOST_RESUMPTIONS, AT_ONCE)
            .await?;
    drop(session);
    let mut found = 0;
    for job in silent {
        found += u64::from(take_up(app, &job).await?);
    }
    Ok(found)
}

/// Queues a stuck job again; whether it was stuck.
async fn take_up(app: &App, job: &Job) -> Result<bool, store::Error> {
    let now = app.clock.now();
    let task = tasks::process_incomplete_job(job.service_id, job.id, now);
    let mut tx = app.write().await?;
    // Waiting for its turn is not being stuck.
    if store::tasks::exists(&mut tx, task.id).await? {
        return Ok(false);
    }
    let (service, id) = (job.service_id, job.id);
    if store::jobs::note_resumption(&mut tx, service, id).await? == MOST_RESUMPTIONS {
        error!(
            job.id = %id, service.id = %service,
            "job {id} was taken up {MOST_RESUMPTIONS} times without one new row; see why with `pillarbox job status {id}`, \
             mend it, then `pillarbox job resume {id}`"
        );
    }
    // Visible before it is worked on, and off the list of those that are silent.
    let error = JobStatus::Error;
    let why = Some("it stopped without a word; it is taken up again");
    let why = job.problem.as_deref().or(why);
    store::jobs::set_status(&mut tx, service, id, error, why, now).await?;
    tx.enqueue(vec![task]).await?;
    app.commit_and_wake(tx, &[tasks::JOBS]).await?;
    warn!(job.id = %id, service.id = %service, "Job {id} has not completed");
    // One that stopped with an error has told somebody; it is only tried again.
    Ok(job.status != JobStatus::Error)
}

/// Takes up a job that an auditor found.
pub(crate) async fn process_incomplete(app: &App, task: &Task, id: JobId) -> Verdict {
    let found =
        async { store::jobs::find(&mut app.read().await?, task.taken().service_id, id).await };
    if let Ok(Some(job)) = found.await {
        info!(job.id = %id, "Resuming job {id} from row {}", job.rows_kept);
    }
    process::process(app, task, id).await
}

/// Marks the jobs all of whose rows are there.
pub(crate) async fn update_status_of_fully_processed(app: &App) -> Verdict {
    let now = app.clock.now();
    let window = (now.minus(LOOK_AFTER), now.minus(SETTLING));
    let counted = async {
        let jobs =
            store::jobs::list_finished(&mut app.read().await?, window.0, window.1, AT_ONCE).await?;
        for job in jobs {
            mark_if_complete(app, &job).await?;
        }
        Ok(0)
    };
    audit::verdict("update-status-of-fully-processed-jobs", counted.await)
}

/// Whether every row of a job is there; if so, the job says so.
async fn mark_if_complete(app: &App, job: &Job) -> Result<bool, store::Error> {
    let by_status =
        store::notifications::count_by_status(&mut app.read().await?, &job.origin()).await?;
    if by_status.values().sum::<u32>() < job.notification_count {
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

/// Looks for rows that finished jobs lack, and has them kept.
pub(crate) async fn check_for_missing_rows(app: &App) -> Verdict {
    audit::verdict(
        "check-for-missing-rows-in-completed-jobs",
        find_missing(app).await,
    )
}

async fn find_missing(app: &App) -> Result<u64, store::Error> {
    let now = app.clock.now();
    // Seven days, not one: a job that is not complete after a day is told of until it is.
    let jobs = store::jobs::list_finished(
        &mut app.read().await?,
        now.minus(7 * A_DAY),
        now.minus(LOOK_AFTER),
        AT_ONCE,
    )
    .await?;
    let mut found = 0;
    for job in jobs {
        if mark_if_complete(app, &job).await? {
            continue;
        }
        let finished = job.processing_finished.unwrap_or(job.created_at);
        if now.since(finished) > A_DAY {
            error!(
                job.id = %job.id, service.id = %job.service_id,
                "job {} lacks rows a day after it finished; look at it with `pillarbox job status {}`", job.id, job.id
            );
            continue;
        }
        found += 1;
        let mut tx = app.write().await?;
        let task = tasks::process_missing_rows(job.service_id, job.id, now);
        tx.enqueue(vec![task]).await?;
        app.commit_and_wake(tx, &[tasks::JOBS]).await?;
    }
    Ok(found)
}

/// Keeps the rows that a finished job lacks: exactly those, with the ids they would have had.
pub(crate) async fn process_missing_rows(app: &App, task: &Task, id: JobId) -> Verdict {
    match keep_missing(app, task, id).await {
        Ok(()) => Verdict::Done,
        Err(error) if error.needs_a_person() => {
            Verdict::GiveUp(format!("job {id} lacks rows that cannot be kept: {error}"))
        }
        Err(error) => {
            warn!(job.id = %id, error = &error as &dyn std::error::Error, "cannot keep the missing rows of job {id} now");
            Verdict::RetryAt(app.clock.now().plus(process::DELAY))
        }
    }
}

async fn keep_missing(app: &App, task: &Task, id: JobId) -> Result<(), ProcessError> {
    let service = task.taken().service_id;
    let broken = |what: &str| ProcessError::Broken(what.to_owned());
    let mut session = app.read().await?;
    let job = store::jobs::find(&mut session, service, id).await?;
    let job = job.ok_or_else(|| broken("there is no such job"))?;
    let kept = store::notifications::list_row_numbers(&mut session, &job.origin()).await?;
    let sheet = store::spreadsheets::find(&mut session, service, id).await?;
    drop(session);
    let sheet = sheet.ok_or_else(|| broken("its spreadsheet is not known any more"))?;
    let kept: BTreeSet<u32> = kept.into_iter().collect();
    let tenant = tenants::find(app, service).await?;
    let tenant = tenant.ok_or_else(|| broken("there is no such service"))?;
    let prepared =
        templates::find_version(app, service, job.template_id, job.template_version).await?;
    let prepared = prepared.ok_or_else(|| broken("its template is gone"))?;

    let (press, lane) = (
        Press::new(app, &tenant, &job, &prepared),
        writing::lane(&prepared),
    );
    let mut rows = Rows::open(app, &job, &sheet, prepared.placeholders()).await?;
    let (mut missing, rows_at_once) = (Vec::new(), app.settings.job_rows_at_once);
    while rows
        .next_piece(|number, row| {
            if number < job.notification_count && !kept.contains(&number) {
                info!(job.id = %id, "Processing missing row {number} for job {id}");
                missing.push(press.print(&row, number));
            }
        })
        .await?
    {
        while missing.len() >= rows_at_once {
            let later = missing.split_off(rows_at_once);
            let now_full = std::mem::replace(&mut missing, later);
            put(app, &job, lane, now_full).await?;
        }
    }
    put(app, &job, lane, missing).await?;
    mark_if_complete(app, &job).await?;
    Ok(())
}

async fn put(app: &App, job: &Job, lane: Lane, rows: Vec<Printed>) -> Result<(), ProcessError> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut tx = app.write().await?;
    let (_, pool) = writing::put(app, &mut tx, job, lane, rows).await?;
    app.commit_and_wake(tx, &[pool]).await?;
    Ok(())
}
