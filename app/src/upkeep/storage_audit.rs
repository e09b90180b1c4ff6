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

/// Bytes that are stored and not counted, by service and what they belong to; negative for those that are counted and not
/// stored.
pub(crate) type Differences = BTreeMap<(ServiceId, Stored), i64>;

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
    for day in days(app).await? {
        if task.is_stopping() {
            return Ok(());
        }
        correct(app, compare_day(app, day).await?).await?;
    }
    correct(app, compare_files(app).await?).await
}

/// Returns by how much the counters differ from what is stored.
pub(crate) async fn list_differences(app: &App) -> Result<Differences, store::Error> {
    let mut differences = compare_files(app).await?;
    for day in days(app).await? {
        differences.append(&mut compare_day(app, day).await?);
    }
    Ok(differences)
}

/// Returns the days that may still have messages.
async fn days(app: &App) -> Result<impl Iterator<Item = UtcDay> + use<>, store::Error> {
    let rules = store::history::list_retentions(&mut app.read().await?).await?;
    let longest = rules
        .into_iter()
        .map(|(_, days)| days)
        .fold(DEFAULT_DAYS, u32::max);
    let today = app.clock.now().utc_day();
    // Not today: the counters of this day change while they are compared.
    Ok((1..=i64::from(longest) + EXTRA_DAYS).map(move |back| today.plus_days(-back)))
}

async fn compare_day(app: &App, day: UtcDay) -> Result<Differences, store::Error> {
    let counted = store::stored_bytes::list_counted(&mut app.read().await?, day).await?;
    let measured = store::stored_bytes::measure_messages(&mut app.read().await?, day).await?;
    Ok(difference(counted, measured))
}

async fn compare_files(app: &App) -> Result<Differences, store::Error> {
    let counted = store::stored_bytes::list_counted_files(&mut app.read().await?).await?;
    let measured = store::stored_bytes::measure_files(&mut app.read().await?).await?;
    Ok(difference(counted, measured))
}

fn difference(counted: Vec<Sum>, measured: Vec<Sum>) -> Differences {
    let mut differences = Differences::new();
    for (service, what, bytes) in measured {
        *differences.entry((service, what)).or_default() += bytes;
    }
    for (service, what, bytes) in counted {
        *differences.entry((service, what)).or_default() -= bytes;
    }
    differences.retain(|_, bytes| *bytes != 0);
    differences
}

/// Adds the differences. A change that came between the two sums is corrected the next night.
pub(crate) async fn correct(app: &App, differences: Differences) -> Result<(), store::Error> {
    for ((service, what), bytes) in differences {
        let mut tx = app.write().await?;
        store::stored_bytes::add(&mut tx, service, what, bytes).await?;
        tx.commit().await?;
        info!(service.id = %service, "corrected the stored bytes of service {service} by {bytes}");
    }
    Ok(())
}
