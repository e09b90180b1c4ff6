//! Pauses and resumes a job. Rows that exist are sent; rows that do not exist yet wait. The cursor moves only while a
//! job is in progress, so a batch that is being built when the job is paused writes nothing.

use domain::{JobId, JobStatus, ServiceId};
use queue::Enqueue as _;
use store::jobs::Job;

use crate::{App, tasks};

/// Why a job cannot be paused or resumed.
#[derive(Debug, thiserror::Error)]
pub enum PauseError {
    /// There is no such job.
    #[error("there is no job with this id")]
    NoSuch,
    /// It has not started, or has ended.
    #[error(
        "a job that is {0} cannot be paused: only one that waits for a worker or is in progress can"
    )]
    NotUnderWay(JobStatus),
    /// It is neither paused nor in `error`.
    #[error(
        "a job that is {0} cannot go on: only one that is paused or has stopped with an error can"
    )]
    NotStopped(JobStatus),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
}

/// The pause reason while a job's file is rewritten. It is stored on the job, so that the run that completes an
/// interrupted erasure also resumes the jobs which that one paused.
const REWRITTEN: &str = "paused while its file is written anew without somebody who is erased: it goes on by itself, or, \
                         if `pillarbox erase` was stopped, when that is run again";

/// Pauses a job. Harmless when repeated. A job that a rewrite has paused stays paused until it is resumed by hand.
pub async fn pause(app: &App, service: ServiceId, id: JobId) -> Result<Job, PauseError> {
    let now = app.clock.now();
    let mut tx = app.write().await?;
    let paused = JobStatus::Paused;
    if !store::jobs::set_status(&mut tx, service, id, paused, None, now).await? {
        store::jobs::clear_pause_reason(&mut tx, service, id, now).await?;
    }
    let job = store::jobs::find(&mut tx, service, id)
        .await?
        .ok_or(PauseError::NoSuch)?;
    if job.status != JobStatus::Paused {
        return Err(PauseError::NotUnderWay(job.status));
    }
    tx.commit().await?;
    Ok(job)
}

/// Pauses a job in progress while its file is rewritten. Returns false if it was not in progress.
pub(crate) async fn pause_to_rewrite(
    app: &App,
    service: ServiceId,
    id: JobId,
) -> Result<bool, store::Error> {
    let (paused, now) = (JobStatus::Paused, app.clock.now());
    let mut tx = app.write().await?;
    let changed =
        store::jobs::set_status(&mut tx, service, id, paused, Some(REWRITTEN), now).await?;
    tx.commit().await?;
    Ok(changed)
}

/// Returns whether a job is paused because its file is being rewritten, or was to be.
pub(crate) fn is_paused_to_rewrite(job: &Job) -> bool {
    job.status == JobStatus::Paused && job.problem.as_deref() == Some(REWRITTEN)
}

/// Resumes a paused job, or one in `error`, from its cursor. Harmless when repeated.
pub async fn resume(app: &App, service: ServiceId, id: JobId) -> Result<Job, PauseError> {
    let now = app.clock.now();
    let mut tx = app.write().await?;
    // The lock orders this against a concurrent cancel.
    store::jobs::lock_status(&mut tx, service, id).await?;
    let job = store::jobs::find(&mut tx, service, id)
        .await?
        .ok_or(PauseError::NoSuch)?;
    match job.status {
        JobStatus::Paused => {
            let (paused, pending) = (JobStatus::Paused, JobStatus::Pending);
            store::jobs::set_status_from(&mut tx, service, id, paused, pending, now).await?;
        }
        JobStatus::Error | JobStatus::Pending | JobStatus::InProgress => {}
        other => return Err(PauseError::NotStopped(other)),
    }
    store::jobs::reset_resumptions(&mut tx, service, id).await?;
    tx.enqueue(vec![tasks::process_job(service, id, now)])
        .await?;
    let job = store::jobs::find(&mut tx, service, id)
        .await?
        .ok_or(PauseError::NoSuch)?;
    app.commit_and_notify(tx, &[tasks::JOBS]).await?;
    Ok(job)
}
