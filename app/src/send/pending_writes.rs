//! Results of a batch that wait for the next commit.

use domain::Channel;
use queue::PoisonMessage;
use store::notifications::StatusUpdate;

/// What is recorded with the next commit.
#[derive(Debug, Default)]
pub(super) struct PendingWrites {
    pub(super) outcomes: Vec<StatusUpdate>,
    /// Notifications on which the program failed.
    pub(super) poisoned: Vec<PoisonMessage>,
}

impl PendingWrites {
    pub(super) const fn is_empty(&self) -> bool {
        self.outcomes.is_empty() && self.poisoned.is_empty()
    }

    /// Counts the results and logs the dead letters, once they are committed.
    pub(super) fn log_and_count(&self, channel: Channel) {
        for outcome in &self.outcomes {
            let provider = outcome.sent_by.clone().unwrap_or_else(|| "none".to_owned());
            metrics::counter!(
                "pillarbox_notifications_handed_over_total",
                "channel" => channel.as_str(), "provider" => provider, "status" => outcome.status.as_str()
            )
            .increment(1);
        }
        self.poisoned.iter().for_each(PoisonMessage::log);
    }
}
