//! Technical failures: notifications that the platform itself fails. Each is logged and counted once, when its new status is
//! committed, in the line that operators' alerts match (`docs/spec/workers.md` §1.3).

use std::time::Duration;

use domain::{Channel, NotificationId, ServiceId};
use queue::TaskContext;
use tracing::error;

/// Logs and counts a notification that a task has failed. Call it after the transaction has committed.
pub(crate) fn report(
    task: &TaskContext,
    pool: &str,
    took: Duration,
    (channel, service, id): (Channel, ServiceId, NotificationId),
    why: &str,
) {
    let name = task.name();
    error!(
        notification.id = %id, service.id = %service,
        "Celery task {name} (queue: {pool}) failed after {:.4}: {why}", took.as_secs_f64()
    );
    count(channel);
}

/// Counts a technical failure that is logged elsewhere.
pub(crate) fn count(channel: Channel) {
    metrics::counter!("pillarbox_technical_failures_total", "channel" => channel.as_str())
        .increment(1);
}
