//! Moves what the triggers have counted into the facts of local days.

use std::collections::BTreeMap;

use queue::{TaskContext, TaskOutcome};
use store::status_facts::{self, StatusKey};
use tracing::warn;

use crate::{App, local_days, tasks};

/// Changes in one transaction.
const BATCH_SIZE: u32 = 5000;

/// Moves all changes, a batch in each transaction. Two that run at once move different ones.
pub(crate) async fn fold_changes(app: &App, task: &TaskContext) -> TaskOutcome {
    loop {
        match fold_batch(app).await {
            Ok(BATCH_SIZE) if !task.is_stopping() => {}
            Ok(_) => return TaskOutcome::Completed,
            Err(fault) => {
                warn!(
                    error = &fault as &dyn std::error::Error,
                    "cannot add up the changes of statuses, will try again"
                );
                return tasks::retry_periodic(tasks::FOLD_STATUS_CHANGES);
            }
        }
    }
}

/// Moves a batch and returns how many changes it had.
async fn fold_batch(app: &App) -> Result<u32, store::Error> {
    let mut tx = app.write().await?;
    let changes = status_facts::take_changes(&mut tx, BATCH_SIZE).await?;
    let moved = u32::try_from(changes.len()).unwrap_or(BATCH_SIZE);
    let mut sums: BTreeMap<(i64, StatusKey), i64> = BTreeMap::new();
    for one in changes {
        let day = local_days::number_of(local_days::day_of(app, one.at));
        *sums.entry((day, one.key)).or_default() += one.change;
    }
    // In the order of the map, so that two transactions change the same rows in the same order.
    for ((day, key), change) in sums {
        if change != 0 {
            status_facts::add(&mut tx, day, &key, change).await?;
        }
    }
    tx.commit().await?;
    Ok(moved)
}
