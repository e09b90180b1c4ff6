//! Messages that exist before anything is measured, inserted a thousand to a commit and never all in memory.

use std::time::{Duration, Instant};

use anyhow::Result;
use domain::{Clock as _, Lane, NotificationId, NotificationStatus, TaskId};
use queue::{Enqueue as _, NewTask};
use store::notifications::{SealedRow, insert_many};

use crate::{
    baseline::{ROWS_A_COMMIT, row},
    options::Channel,
    platform::{Platform, RealClock, SystemRandom},
};

/// The state of preloaded messages.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Standing {
    /// Delivered.
    Settled,
    /// Queued, this many in each task.
    Queued(usize),
}

/// Writes `count` texts and returns how long it took.
pub(crate) async fn insert(platform: &Platform, rows: u32, standing: Standing) -> Result<Duration> {
    let started = Instant::now();
    let mut batch = Vec::with_capacity(ROWS_A_COMMIT);
    for number in 0..rows {
        let mut message = row(platform, Channel::Sms, None, number);
        if matches!(standing, Standing::Settled) {
            message.status = NotificationStatus::Delivered;
        }
        batch.push(message.seal(platform.app.store().keyring()));
        if batch.len() == ROWS_A_COMMIT || number + 1 == rows {
            insert_batch(platform, &batch, standing).await?;
            batch.clear();
        }
    }
    Ok(started.elapsed())
}

async fn insert_batch(platform: &Platform, batch: &[SealedRow], standing: Standing) -> Result<()> {
    let mut tx = platform.app.store().write().await?;
    insert_many(&mut tx, batch).await?;
    if let Standing::Queued(a_task) = standing {
        let tasks = batch.chunks(a_task).map(|some| delivery(platform, some));
        tx.enqueue(tasks.collect()).await?;
    }
    Ok(tx.commit().await?)
}

/// Returns a task as the platform enqueues it for accepted messages.
fn delivery(platform: &Platform, messages: &[SealedRow]) -> NewTask {
    let ids: Vec<NotificationId> = messages.iter().map(|message| message.id).collect();
    let now = RealClock.now();
    NewTask {
        id: TaskId::generate(now, &SystemRandom),
        pool: "send-sms-tasks",
        lane: Lane::Normal,
        service_id: platform.tenant.service,
        kind: "deliver_sms.v1",
        payload: serde_json::json!({ "ids": ids }).to_string(),
        subjects: store::tasks::SubjectRange::of(ids.iter().copied()),
        attempt: 0,
        ready_at: now,
        created_at: now,
    }
}
