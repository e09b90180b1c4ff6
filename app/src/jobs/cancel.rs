//! Cancelling a job that is still scheduled (workers §4.4). The compare-and-set makes it exclusive with the clock that
//! starts it: exactly one of them wins.

use domain::{JobId, JobStatus, ServiceId};
use store::jobs::Job;

use crate::App;

/// Why a job is not cancelled.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    /// There is no such job, or it has started, or is over.
    #[error("there is no scheduled job with this id: it may have started already")]
    NotScheduled,
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
}

/// Cancels a scheduled job.
pub async fn cancel(app: &App, service: ServiceId, id: JobId) -> Result<Job, CancelError> {
    let mut tx = app.write().await?;
    let job = store::jobs::find(&mut tx, service, id).await?;
    if job.is_none_or(|job| job.status != JobStatus::Scheduled) {
        return Err(CancelError::NotScheduled);
    }
    let now = app.clock.now();
    if !store::jobs::set_status_from(
        &mut tx,
        service,
        id,
        JobStatus::Scheduled,
        JobStatus::Cancelled,
        now,
    )
    .await?
    {
        return Err(CancelError::NotScheduled);
    }
    let job = store::jobs::find(&mut tx, service, id)
        .await?
        .ok_or(CancelError::NotScheduled)?;
    tx.commit().await?;
    Ok(job)
}
