//! Cancels all letters of a job while printing has not started (`docs/spec/letters.md` §12).

use std::sync::Arc;

use domain::{Allowance, Channel, JobId, JobStatus, NotificationStatus, ServiceId, Timestamp};
use store::jobs::Job;

use super::quota;
use crate::{App, cache::templates, letters};

/// Why the letters of a job cannot be cancelled.
#[derive(Debug, thiserror::Error)]
pub enum CancelLettersError {
    /// There is no such job of this service.
    #[error("there is no such job")]
    NoSuch,
    /// The job sends no letters.
    #[error("this is not a letter job")]
    NotLetters,
    /// Not all letters exist yet.
    #[error("its letters are still being made")]
    StillProcessing,
    /// Printing has started, or a letter's status no longer allows it.
    #[error("its letters have been sent")]
    TooLate,
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// The store failed.
    #[error("the store failed")]
    Cached(#[from] Arc<store::Error>),
}

/// Statuses that do not prevent cancelling: the letter waits, or is never printed.
const NOT_PRINTED: [NotificationStatus; 6] = [
    NotificationStatus::Created,
    NotificationStatus::Cancelled,
    NotificationStatus::VirusScanFailed,
    NotificationStatus::ValidationFailed,
    NotificationStatus::TechnicalFailure,
    NotificationStatus::PendingVirusCheck,
];

/// Letters still in these statuses after the cancellation are those that a print run has claimed.
const WAITS: [NotificationStatus; 2] = [
    NotificationStatus::Created,
    NotificationStatus::PendingVirusCheck,
];

/// Returns when the job's first letter was created, which may be days after the job was.
async fn made_at(app: &App, job: &Job) -> Result<Timestamp, store::Error> {
    let (service, first) = (job.service_id, job.origin().row(0));
    let found = store::notifications::find(&mut app.read().await?, service, first).await?;
    Ok(found.map_or(job.due, |letter| letter.created_at))
}

/// Cancels a job and its letters. Returns how many letters were cancelled now; failed letters keep their status,
/// since they are not billed.
pub async fn cancel_letters(
    app: &App,
    service: ServiceId,
    id: JobId,
) -> Result<u64, CancelLettersError> {
    let found = store::jobs::find(&mut app.read().await?, service, id).await?;
    let job = found.ok_or(CancelLettersError::NoSuch)?;
    let template = templates::find(app, service, job.template_id).await?;
    if template.is_none_or(|found| found.template.template_type != Channel::Letter) {
        return Err(CancelLettersError::NotLetters);
    }
    if job.status != JobStatus::FinishedAllNotificationsCreated {
        return Err(CancelLettersError::StillProcessing);
    }
    let now = app.clock.now();
    if letters::printing_started(made_at(app, &job).await?, now).is_some() {
        return Err(CancelLettersError::TooLate);
    }
    let mut tx = app.write().await?;
    let cancelled = store::notifications::cancel_rows(&mut tx, &job.origin(), now).await?;
    // Counted after the change, so that letters which the print run has taken meanwhile show.
    let statuses = store::notifications::count_by_status(&mut tx, &job.origin()).await?;
    if statuses.values().sum::<u32>() != job.notification_count {
        return Err(CancelLettersError::StillProcessing);
    }
    let is_printed = |status| WAITS.contains(status) || !NOT_PRINTED.contains(status);
    if statuses.keys().any(is_printed) {
        return Err(CancelLettersError::TooLate);
    }
    let (from, to) = (
        JobStatus::FinishedAllNotificationsCreated,
        JobStatus::Cancelled,
    );
    if !store::jobs::set_status_from(&mut tx, service, id, from, to, now).await? {
        return Err(CancelLettersError::StillProcessing);
    }
    let refunded = i64::try_from(cancelled).unwrap_or(i64::MAX);
    quota::refund(&mut tx, &job, Allowance::Letter, refunded).await?;
    tx.commit().await?;
    Ok(cancelled)
}
