//! Inserts one lost row of a job by an operator's order (`docs/spec/workers.md` §4.14), on the path that every row
//! takes and with the id it always has. A row that exists, or that retention has removed, is not sent again.

use std::collections::BTreeSet;

use domain::{JobId, JobStatus, NotificationId, ServiceId};
use store::jobs::Job;

use super::{audit, process::ProcessError};
use crate::App;

/// The result of retrying a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetriedRow {
    /// The row's notification.
    pub notification: NotificationId,
    /// True if the row was missing and has been inserted now.
    pub was_missing: bool,
}

/// Why a row cannot be retried.
#[derive(Debug, thiserror::Error)]
pub enum RetryRowError {
    /// There is no such job or row.
    #[error("there is no such {0}")]
    NoSuch(&'static str),
    /// The job has not reached the row yet, or was stopped before it.
    #[error(
        "the job is {status} and has kept {kept} rows, not this one yet: only a row that was kept before can be done \
         again"
    )]
    NotKeptYet {
        /// The job's status.
        status: JobStatus,
        /// How many rows the job has written.
        kept: u32,
    },
    /// The row cannot be sent now, for this reason.
    #[error("the row cannot be done again: {0}")]
    Impossible(String),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
}

/// Inserts a lost row of a job with its delivery task. Harmless when repeated.
pub async fn retry_row(
    app: &App,
    service: ServiceId,
    id: JobId,
    row: u32,
) -> Result<RetriedRow, RetryRowError> {
    let job = store::jobs::find(&mut app.read().await?, service, id).await?;
    let job = job.ok_or(RetryRowError::NoSuch("job"))?;
    if row >= job.notification_count {
        return Err(RetryRowError::NoSuch("row"));
    }
    if row >= job.rows_kept {
        return Err(RetryRowError::NotKeptYet {
            status: job.status,
            kept: job.rows_kept,
        });
    }
    let notification = job.origin().row(row);
    let was_missing = !is_there(app, &job, row).await?
        && audit::insert_rows(app, &job, |number| number == row)
            .await
            .map_err(RetryRowError::from)?
            > 0;
    Ok(RetriedRow {
        notification,
        was_missing,
    })
}

/// Returns whether a row exists, now or as a line of history.
async fn is_there(app: &App, job: &Job, row: u32) -> Result<bool, store::Error> {
    let mut session = app.read().await?;
    let kept: BTreeSet<u32> = store::notifications::list_row_numbers(&mut session, &job.origin())
        .await?
        .into_iter()
        .chain(store::history::list_row_numbers(&mut session, &job.origin()).await?)
        .collect();
    Ok(kept.contains(&row))
}

impl From<ProcessError> for RetryRowError {
    fn from(error: ProcessError) -> Self {
        match error {
            ProcessError::Store(error) => Self::Store(error),
            error => Self::Impossible(error.in_words()),
        }
    }
}
