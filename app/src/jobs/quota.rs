//! What a job spends of its service's day: all its rows at once when it begins (`docs/spec/workers.md` §5.3 Build), and
//! what it has not used is given back when it is stopped for good.

use std::sync::Arc;

use domain::{Allowance, Channel, KeyType, Timestamp};
use store::{Tx, jobs::Job};

use crate::{App, cache::templates};

/// What the rows of a job are counted as.
pub(super) async fn allowance(app: &App, job: &Job) -> Result<Allowance, Arc<store::Error>> {
    let prepared =
        templates::find_version(app, job.service_id, job.template_id, job.template_version).await?;
    let channel = prepared.map_or(Channel::Email, |prepared| prepared.template.template_type);
    Ok(channel.into())
}

/// Gives back the rows that a job will not keep any more, if it has spent them today. Its caller holds the job, so that
/// its cursor stays where it is.
pub(super) async fn refund_unused(
    tx: &mut Tx,
    job: &Job,
    allowance: Allowance,
    now: Timestamp,
) -> Result<(), store::Error> {
    let today = now.utc_day();
    // It was all spent on the day on which it began.
    let spent_today = job.processing_started.is_some() && job.due.utc_day() == today;
    if !spent_today || job.key_type == KeyType::Test {
        return Ok(());
    }
    let rest = i64::from(job.notification_count.saturating_sub(job.rows_kept));
    store::counters::refund(tx, job.service_id, allowance, today, rest).await
}
