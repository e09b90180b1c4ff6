//! Pausing a job and letting it go on. What is kept stays kept and is handed over; rows that are not kept yet wait. The
//! cursor moves only while a job is in progress, so a batch that is under way when the job is paused writes nothing.

use domain::{JobId, JobStatus, ServiceId};
use queue::Enqueue as _;
use store::jobs::Job;

use crate::{App, tasks};

/// Why a job is not paused, or does not go on.
#[derive(Debug, thiserror::Error)]
pub enum PauseError {
    /// There is no such job.
    #[error("there is no job with this id")]
    NoSuch,
    /// It has not started, or is over.
    #[error(
        "a job that is {0} cannot be paused: only one that waits for a worker or is in progress can"
    )]
    NotUnderWay(JobStatus),
    /// It is not paused, and has not stopped with an error.
    #[error(
        "a job that is {0} cannot go on: only one that is paused or has stopped with an error can"
    )]
    NotStopped(JobStatus),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
}

/// Why a job is paused while its file is written anew. It stands in the job, so that whoever goes on with an erasure that
/// was stopped halfway lets go on what that one paused.
const REWRITTEN: &str = "paused while its file is written anew without somebody who is erased: it goes on by itself, or, \
                         if `pillarbox erase` was stopped, when that is run again";

/// Pauses a job; twice is harmless. One that is paused for a while only is paused until somebody lets it go on.
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

/// Pauses a job that is under way while its file is written anew; whether it was under way.
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

/// Whether a job is paused because its file is, or was to be, written anew.
pub(crate) fn is_paused_to_rewrite(job: &Job) -> bool {
    job.status == JobStatus::Paused && job.problem.as_deref() == Some(REWRITTEN)
}

/// Lets a paused job, or one that stopped with an error that is mended, go on from its cursor; twice is harmless.
pub async fn resume(app: &App, service: ServiceId, id: JobId) -> Result<Job, PauseError> {
    let now = app.clock.now();
    let mut tx = app.write().await?;
    // Somebody may be cancelling it: one of the two comes first.
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
