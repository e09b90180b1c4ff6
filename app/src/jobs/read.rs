//! Reading jobs and their progress.

use std::collections::BTreeMap;

use domain::{JobId, KeyType, NotificationStatus, ServiceId};
use store::{Session, jobs::Job};

use crate::App;

/// A job and the statuses of its rows.
#[derive(Debug)]
pub struct Progress {
    /// The job.
    pub job: Job,
    /// Rows in each status.
    pub statistics: BTreeMap<NotificationStatus, u32>,
}

impl Progress {
    /// Returns how many rows have an outcome: sent or failed.
    pub fn rows_with_outcome(&self) -> u32 {
        let waiting = self
            .statistics
            .get(&NotificationStatus::Created)
            .copied()
            .unwrap_or(0);
        self.statistics.values().sum::<u32>() - waiting
    }

    /// Returns whether the job and its rows stay as they are until a provider reports.
    pub fn is_over(&self) -> bool {
        self.job.status.is_terminal()
            && !self.statistics.contains_key(&NotificationStatus::Created)
            && self.statistics.values().sum::<u32>() >= self.job.rows_kept
    }
}

/// Finds a job of a service.
pub async fn find(
    app: &App,
    service: ServiceId,
    id: JobId,
) -> Result<Option<Progress>, store::Error> {
    let mut session = app.read().await?;
    let Some(job) = store::jobs::find(&mut session, service, id).await? else {
        return Ok(None);
    };
    let statistics = outcomes(&mut session, &job).await?;
    Ok(Some(Progress { job, statistics }))
}

/// Counts the rows of a job by status (`docs/spec/workers.md` §4.13), including the history of rows that retention
/// has removed.
pub(super) async fn outcomes(
    session: &mut Session,
    job: &Job,
) -> Result<BTreeMap<NotificationStatus, u32>, store::Error> {
    let mut found = store::notifications::count_by_status(session, &job.origin()).await?;
    if found.values().sum::<u32>() < job.rows_kept {
        for (status, count) in store::history::count_by_status(session, &job.origin()).await? {
            *found.entry(status).or_default() += count;
        }
    }
    Ok(found)
}

/// Lists the jobs of a service, newest first: page `page` (from 1) of `count` each.
pub async fn list(
    app: &App,
    service: ServiceId,
    page: u32,
    count: u32,
) -> Result<Vec<Progress>, store::Error> {
    let mut session = app.read().await?;
    let skip = page.saturating_sub(1).saturating_mul(count);
    let mut found = Vec::new();
    for job in store::jobs::list(&mut session, service, skip, count).await? {
        let statistics = outcomes(&mut session, &job).await?;
        found.push(Progress { job, statistics });
    }
    Ok(found)
}

/// Lists at most `count` jobs of a service that were created with this type of key, newest first, from the one before
/// `older_than`. An id of another service has none before it.
pub async fn list_older(
    app: &App,
    service: ServiceId,
    key_type: KeyType,
    older_than: Option<JobId>,
    count: u32,
) -> Result<Vec<Job>, store::Error> {
    let mut session = app.read().await?;
    let from = match older_than {
        None => None,
        Some(id) => match store::jobs::find(&mut session, service, id).await? {
            Some(job) => Some((job.created_at, job.id)),
            None => return Ok(Vec::new()),
        },
    };
    store::jobs::list_older(&mut session, service, key_type, from, count).await
}
