//! Removes expired files.

use domain::{DocumentId, ServiceId};
use files::Key;
use queue::{TaskContext, TaskOutcome};
use tracing::{info, warn};

use super::FileError;
use crate::{App, tasks};

const BATCH_SIZE: u32 = 100;

/// Removes all expired files in batches, until none is left or the worker is stopping.
pub(crate) async fn remove_expired(app: &App, task: &TaskContext) -> TaskOutcome {
    let mut removed = 0;
    let outcome = loop {
        match remove_batch(app).await {
            Ok(0) => break TaskOutcome::Completed,
            Ok(some) => removed += some,
            Err(fault) => {
                warn!(
                    error = &fault as &dyn std::error::Error,
                    "cannot remove expired files, will try again"
                );
                break tasks::retry_periodic(tasks::REMOVE_EXPIRED_DOCUMENTS);
            }
        }
        if task.is_stopping() {
            // The next scheduled run continues.
            break TaskOutcome::Completed;
        }
    };
    if removed > 0 {
        info!("removed {removed} expired files");
    }
    outcome
}

async fn remove_batch(app: &App) -> Result<usize, FileError> {
    let now = app.clock.now();
    let expired = store::documents::list_expired(&mut app.read().await?, now, BATCH_SIZE).await?;
    for (service, id) in &expired {
        // Content before rows: after a crash in between, the next run finds the row again, and removing an absent
        // object succeeds.
        app.files.remove(&key(*service, *id)).await?;
    }
    if !expired.is_empty() {
        let mut tx = app.write().await?;
        for (service, id) in &expired {
            store::documents::delete(&mut tx, *service, &[*id]).await?;
        }
        tx.commit().await?;
    }
    Ok(expired.len())
}

fn key(service: ServiceId, id: DocumentId) -> Key {
    Key::document(service.as_uuid(), id.as_uuid())
}
