//! Cancels a job that waits: for its time (`docs/spec/workers.md` §4.4), or, once begun, for an operator because it
//! is paused or in `error`.
//!
//! The job's row is locked, so of cancelling, starting by the clock and resuming exactly one succeeds. A worker on
//! the job writes no more rows, because rows are written only while a job is in progress. Rows that exist are sent;
//! the others never are, and their number is returned to the quota of the day that it was spent from.

use std::sync::Arc;

use domain::{JobId, JobStatus, ServiceId};
use store::jobs::Job;
use tracing::info;

use super::quota::{allowance, refund_unused};
use crate::App;

/// Why a job cannot be cancelled.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    /// There is no such job of this service, or it is in progress, or it has ended.
    #[error(
        "there is no job with this id that is scheduled, paused or stopped with an error: one that is at work can be \
         cancelled once it is paused"
    )]
    NotWaiting,
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// The store failed.
    #[error("the store failed")]
    Cached(#[from] Arc<store::Error>),
}

/// Cancels a waiting job and returns it.
pub async fn cancel(app: &App, service: ServiceId, id: JobId) -> Result<Job, CancelError> {
    let found = store::jobs::find(&mut app.read().await?, service, id).await?;
    let allowance = allowance(app, &found.ok_or(CancelError::NotWaiting)?).await?;
    let now = app.clock.now();
    let mut tx = app.write().await?;
    // From here on neither the job's status nor its cursor changes.
    store::jobs::lock_status(&mut tx, service, id).await?;
    let job = store::jobs::find(&mut tx, service, id).await?;
    let job = job
        .filter(|job| waits(job.status))
        .ok_or(CancelError::NotWaiting)?;
    let (cancelled, why) = (JobStatus::Cancelled, in_words(&job));
    store::jobs::set_status(&mut tx, service, id, cancelled, why.as_deref(), now).await?;
    refund_unused(&mut tx, &job, allowance).await?;
    let job = store::jobs::find(&mut tx, service, id).await?;
    tx.commit().await?;
    info!(job.id = %id, service.id = %service, "job {id} has been cancelled");
    job.ok_or(CancelError::NotWaiting)
}

const fn waits(status: JobStatus) -> bool {
    matches!(
        status,
        JobStatus::Scheduled | JobStatus::Paused | JobStatus::Error
    )
}

/// Describes what happens to the rows of a job that had begun.
fn in_words(job: &Job) -> Option<String> {
    let (kept, all) = (job.rows_kept, job.notification_count);
    match job.status {
        JobStatus::Scheduled => None,
        _ if kept == 0 => Some(format!("none of its {all} rows was kept: nothing is sent")),
        _ => Some(format!(
            "{kept} of its {all} rows were kept, and are sent; the other {} are not",
            all.saturating_sub(kept)
        )),
    }
}
