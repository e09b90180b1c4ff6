//! The daily quota of jobs: the whole count is spent when a job begins (`docs/spec/workers.md` §5.3 Build), and the
//! unused part is refunded when the job stops for good.

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

/// Refunds the rows that a job will not write any more, if they were spent today. The caller has locked the job, so
/// its cursor does not move.
pub(super) async fn refund_unused(
    tx: &mut Tx,
    job: &Job,
    allowance: Allowance,
    now: Timestamp,
) -> Result<(), store::Error> {
    let today = now.utc_day();
    // The whole count was spent on the day on which the job began.
    let spent_today = job.processing_started.is_some() && job.due.utc_day() == today;
    if !spent_today || job.key_type == KeyType::Test {
        return Ok(());
    }
    let rest = i64::from(job.notification_count.saturating_sub(job.rows_kept));
    store::counters::refund(tx, job.service_id, allowance, today, rest).await
}
