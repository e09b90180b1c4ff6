//! Savers write to the database what was accepted by the intake log (`docs/spec/workers.md` §6).
//!
//! A saver reads some groups, stores their notifications in one transaction with their tasks, quotas and idempotency
//! keys, and then acknowledges the groups. What is stored already is skipped, so a group may come twice, to two savers at
//! once too. A group that cannot be stored is set aside, and the rest flows.

mod poison;

use std::time::Duration;

use domain::Channel;
use intake::{Delivery, LogError, LogReader, QUEUES, SharedLog, queue_name};
use queue::catch_panic;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    App,
    accept::{PendingNotification, Saved, read_group},
};

/// Groups that are read at once. When callers are few, most groups have one notification.
const MAX_GROUPS: usize = 32;
/// Notifications that are stored in one transaction, unless one group has more, so that it stays short.
const MAX_NOTIFICATIONS: usize = 500;
/// How long a reader waits for a group before it looks whether it has to stop.
const RECEIVE_WAIT: Duration = Duration::from_secs(1);
/// How long a saver waits after a failure of the database or the log.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Why a saver stopped. What it had not acknowledged is read again.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The database does not answer.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// The log does not answer.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Why groups were not stored.
enum Failure {
    /// The database does not answer; nothing is wrong with the groups.
    Passing(store::Error),
    /// The database refuses them, or the program fails on them.
    Poison(String),
}

/// A group that a saver has read.
struct OpenGroup {
    delivery: Delivery,
    notifications: Vec<PendingNotification>,
}

/// Saves what is in the intake log until `stop` is cancelled. Without a log it only waits for that.
pub async fn run(app: &App, stop: &CancellationToken) {
    let Some(log) = app.intake.clone() else {
        // A role that ends ends its process.
        stop.cancelled().await;
        return;
    };
    let savers = QUEUES.map(|queue| keep_saving(app, &log, queue, stop));
    futures::future::join_all(savers).await;
}

/// Saves what is in the intake log now, and returns how many groups that was.
pub async fn save_what_waits(app: &App) -> Result<usize, SaveError> {
    let Some(log) = &app.intake else { return Ok(0) };
    let mut count = 0;
    for queue in QUEUES {
        let mut reader = log.reader(queue).await?;
        loop {
            let deliveries = reader.receive(MAX_GROUPS, Duration::ZERO).await?;
            if deliveries.is_empty() {
                break;
            }
            count += deliveries.len();
            save(app, queue, &mut *reader, deliveries).await?;
        }
    }
    Ok(count)
}

/// Publishes how much is in the intake log, if there is one.
pub async fn publish_depths(app: &App) -> Result<(), LogError> {
    let Some(log) = &app.intake else {
        return Ok(());
    };
    for queue in QUEUES {
        let depths = [
            ("waiting", log.depth(queue).await?),
            ("aside", log.count_aside(queue).await?),
        ];
        for (state, depth) in depths {
            #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 groups")]
            let depth = depth as f64;
            metrics::gauge!("pillarbox_intake_groups", "queue" => queue_name(queue), "state" => state)
                .set(depth);
        }
    }
    Ok(())
}

async fn keep_saving(app: &App, log: &SharedLog, queue: Channel, stop: &CancellationToken) {
    let mut fails = false;
    loop {
        let saving = save_until_failure(app, log, queue, &mut fails);
        let Some(Err(failure)) = stop.run_until_cancelled(saving).await else {
            return;
        };
        // Once for an outage, not once a second.
        if !fails {
            warn!(
                error = &failure as &dyn std::error::Error,
                "{} waits: what is accepted stays in the intake log",
                queue_name(queue)
            );
        }
        fails = true;
        let slept = stop.run_until_cancelled(tokio::time::sleep(RETRY_INTERVAL));
        if slept.await.is_none() {
            return;
        }
    }
}

async fn save_until_failure(
    app: &App,
    log: &SharedLog,
    queue: Channel,
    fails: &mut bool,
) -> Result<(), SaveError> {
    // Before the log: a broker takes groups away from a reader that holds them for long, so there is none while the
    // database is away.
    drop(app.store.read().await?);
    let mut reader = log.reader(queue).await?;
    loop {
        let deliveries = reader.receive(MAX_GROUPS, RECEIVE_WAIT).await?;
        save(app, queue, &mut *reader, deliveries).await?;
        if std::mem::take(fails) {
            info!("{} saves again", queue_name(queue));
        }
    }
}

/// Saves groups and acknowledges them, or sets aside what cannot be saved.
async fn save(
    app: &App,
    queue: Channel,
    reader: &mut dyn LogReader,
    deliveries: Vec<Delivery>,
) -> Result<(), SaveError> {
    let mut groups = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        match read_group(app.store.keyring(), &delivery.group) {
            Ok(notifications) => groups.push(OpenGroup {
                delivery,
                notifications,
            }),
            Err(error) => {
                let rest = delivery.group.clone();
                poison::set_aside(reader, queue, delivery.id, rest, &poison::chain(&error)).await?;
            }
        }
    }
    let sizes: Vec<usize> = groups
        .iter()
        .map(|group| group.notifications.len())
        .collect();
    let mut groups = groups.into_iter();
    for count in portions(&sizes) {
        save_together(app, queue, reader, groups.by_ref().take(count).collect()).await?;
    }
    Ok(())
}

/// Divides groups of these sizes among transactions, and returns how many groups each has.
fn portions(sizes: &[usize]) -> Vec<usize> {
    let (mut counts, mut notifications): (Vec<usize>, usize) = (Vec::new(), 0);
    for size in sizes {
        notifications += size;
        match counts.last_mut() {
            Some(count) if notifications <= MAX_NOTIFICATIONS => *count += 1,
            _ => {
                counts.push(1);
                notifications = *size;
            }
        }
    }
    counts
}

/// Saves groups in one transaction and acknowledges them, or each by itself if the database refuses one of them.
async fn save_together(
    app: &App,
    queue: Channel,
    reader: &mut dyn LogReader,
    groups: Vec<OpenGroup>,
) -> Result<(), SaveError> {
    let together = groups.iter().flat_map(|group| &group.notifications);
    match store(app, queue, &together.cloned().collect::<Vec<_>>()).await {
        Ok(()) => {
            let saved: Vec<_> = groups.iter().map(|group| group.delivery.id).collect();
            // After the commit. A group whose acknowledgement is lost comes again, and is skipped.
            Ok(reader.acknowledge(&saved).await?)
        }
        Err(Failure::Passing(error)) => Err(error.into()),
        Err(Failure::Poison(_)) => {
            for group in groups {
                poison::save_alone(app, queue, reader, group).await?;
            }
            Ok(())
        }
    }
}

/// Stores notifications in one transaction.
async fn store(
    app: &App,
    queue: Channel,
    notifications: &[PendingNotification],
) -> Result<(), Failure> {
    if notifications.is_empty() {
        return Ok(());
    }
    app.partitions.ensure_today().await;
    match catch_panic(app.accept.writer.save(notifications)).await {
        Some(Ok(saved)) => {
            note(queue, &saved);
            Ok(())
        }
        Some(Err(error)) if error.is_transient() => Err(Failure::Passing(error)),
        Some(Err(error)) => Err(Failure::Poison(poison::chain(&error))),
        None => Err(Failure::Poison("the program fails on it".to_owned())),
    }
}

fn note(queue: Channel, saved: &Saved) {
    let name = queue_name(queue);
    metrics::counter!("pillarbox_intake_saved_total", "queue" => name)
        .increment(saved.stored as u64);
    if saved.existing > 0 {
        info!("{name}: {} notifications already exist", saved.existing);
    }
    metrics::counter!("pillarbox_intake_repetitions_total", "queue" => name)
        .increment(saved.repetitions.len() as u64);
    for id in &saved.repetitions {
        info!(
            notification.id = %id,
            "{name}: {id} is not sent, because it repeats a message with the same idempotency key"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_small_groups_share_a_transaction_and_a_full_one_has_its_own() {
        assert_eq!(portions(&[]), [0; 0]);
        assert_eq!(portions(&[1; 32]), [32]);
        assert_eq!(portions(&[250, 250, 1]), [2, 1]);
        assert_eq!(portions(&[500, 1, 500, 500]), [1, 1, 1, 1]);
        assert_eq!(portions(&[2 * MAX_NOTIFICATIONS, 1]), [1, 1]);
    }
}
