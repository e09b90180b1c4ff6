//! Recomputes how many bytes each service has stored. Transactions count them as they come and go; what no transaction sees
//! – a message that an erasure emptied, a letter that retention spared, what was there before anything was counted – is
//! corrected here, once a night, a day of messages at a time.

use std::collections::BTreeMap;

use domain::{ServiceId, UtcDay};
use queue::{TaskContext, TaskOutcome};
use store::stored_bytes::{Stored, Sum};
use tracing::{info, warn};

use crate::{App, tasks};

/// Days beyond the longest retention that may still have messages: letters that were not printed.
const EXTRA_DAYS: i64 = 30;
/// The standard retention.
const DEFAULT_DAYS: u32 = 7;

/// Corrects what the counters of stored bytes say.
pub(crate) async fn audit(app: &App, task: &TaskContext) -> TaskOutcome {
    match try_audit(app, task).await {
        Ok(()) if task.is_stopping() => TaskOutcome::Snooze(app.clock.now()),
        Ok(()) => TaskOutcome::Completed,
        Err(fault) => {
            warn!(
                error = &fault as &dyn std::error::Error,
                "cannot recompute what services have stored, will try again"
            );
            tasks::retry_periodic(tasks::AUDIT_STORAGE)
        }
    }
}

async fn try_audit(app: &App, task: &TaskContext) -> Result<(), store::Error> {
    let rules = store::history::list_retentions(&mut app.read().await?).await?;
    let longest = rules
        .into_iter()
        .map(|(_, days)| days)
        .fold(DEFAULT_DAYS, u32::max);
    let today = app.clock.now().utc_day();
    // Not today: the counters of this day change while they are compared.
    for back in 1..=i64::from(longest) + EXTRA_DAYS {
        if task.is_stopping() {
            return Ok(());
        }
        audit_day(app, today.plus_days(-back)).await?;
    }
    let counted = store::stored_bytes::list_counted_files(&mut app.read().await?).await?;
    let measured = store::stored_bytes::measure_files(&mut app.read().await?).await?;
    correct(app, counted, measured).await
}

async fn audit_day(app: &App, day: UtcDay) -> Result<(), store::Error> {
    let counted = store::stored_bytes::list_counted(&mut app.read().await?, day).await?;
    let measured = store::stored_bytes::measure_messages(&mut app.read().await?, day).await?;
    correct(app, counted, measured).await
}

/// Adds the differences. A change that comes between the two sums is corrected the next night.
async fn correct(app: &App, counted: Vec<Sum>, measured: Vec<Sum>) -> Result<(), store::Error> {
    let mut differences: BTreeMap<(ServiceId, Stored), i64> = BTreeMap::new();
    for (service, what, bytes) in measured {
        *differences.entry((service, what)).or_default() += bytes;
    }
    for (service, what, bytes) in counted {
        *differences.entry((service, what)).or_default() -= bytes;
    }
    differences.retain(|_, bytes| *bytes != 0);
    for ((service, what), bytes) in differences {
        let mut tx = app.write().await?;
        store::stored_bytes::add(&mut tx, service, what, bytes).await?;
        tx.commit().await?;
        info!(service.id = %service, "corrected the stored bytes of service {service} by {bytes}");
    }
    Ok(())
}
