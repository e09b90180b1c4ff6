//! The daily quota of jobs: the whole count is spent when a job begins (`docs/spec/workers.md` §5.3 Build), and what is not
//! used of it is refunded to the day that it was spent on, when the job stops for good.

use std::sync::Arc;

use domain::{Allowance, Channel, KeyType, Timestamp};
use store::{Tx, jobs::Job};

use crate::{App, cache::templates};

/// Returns the quota that the rows of a job count against.
pub(super) async fn allowance(app: &App, job: &Job) -> Result<Allowance, Arc<store::Error>> {
    let prepared =
        templates::find_version(app, job.service_id, job.template_id, job.template_version).await?;
    let channel = prepared.map_or(Channel::Email, |prepared| prepared.template.template_type);
    Ok(channel.into())
}

/// Spends the whole count of a job that begins, all or nothing. Returns whether it was granted.
pub(super) async fn spend(
    tx: &mut Tx,
    job: &Job,
    allowance: Allowance,
    limit: i64,
    now: Timestamp,
) -> Result<bool, store::Error> {
    // A resumed job has spent its count before, and a test key's rows are not counted.
    if job.processing_started.is_some() || job.key_type == KeyType::Test {
        return Ok(true);
    }
    let (service, day, count) = (job.service_id, now.utc_day(), job.notification_count);
    if !store::counters::spend_all(tx, service, allowance, day, count, limit).await? {
        return Ok(false);
    }
    // Neither the time at which it was due nor that at which it was last resumed says later which day that was.
    store::jobs::set_quota_day(tx, service, job.id, day).await?;
    Ok(true)
}

/// Refunds the rows that a job will not write any more. The caller has locked the job, so its cursor does not move.
pub(super) async fn refund_unused(
    tx: &mut Tx,
    job: &Job,
    allowance: Allowance,
) -> Result<(), store::Error> {
    let unused = job.notification_count.saturating_sub(job.rows_kept);
    refund(tx, job, allowance, i64::from(unused)).await
}

/// Refunds this many rows of a job to the day whose quota it spent.
pub(super) async fn refund(
    tx: &mut Tx,
    job: &Job,
    allowance: Allowance,
    rows: i64,
) -> Result<(), store::Error> {
    match job.quota_day {
        Some(day) if rows > 0 => {
            store::counters::refund(tx, job.service_id, allowance, day, rows).await
        }
        _ => Ok(()),
    }
}
