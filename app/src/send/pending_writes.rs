//! Results of a batch that wait for the next commit.

use std::time::Duration;

use domain::{NotificationId, NotificationStatus};
use queue::{PoisonMessage, TaskContext};
use store::{attempts::AttemptEnd, notifications::StatusUpdate};

use super::attempts::AttemptResult;
use crate::{
    tasks::{self, Step},
    technical_failures,
};

/// The last result of a notification.
#[derive(Debug, Clone)]
pub(super) struct FinalOutcome {
    pub(super) update: StatusUpdate,
    /// What the log says of a technical failure. If there is nothing, it says the problem.
    pub(super) report: Option<String>,
}

impl From<StatusUpdate> for FinalOutcome {
    fn from(update: StatusUpdate) -> Self {
        Self {
            update,
            report: None,
        }
    }
}

/// What is recorded with the next commit.
#[derive(Debug, Default)]
pub(super) struct PendingWrites {
    pub(super) outcomes: Vec<FinalOutcome>,
    /// Units of texts that wait for another attempt: the provider may have taken them.
    pub(super) units: Vec<(NotificationId, u32)>,
    /// Notifications on which the program failed.
    pub(super) poisoned: Vec<PoisonMessage>,
    /// Attempts that have ended. They cause no commit of their own.
    pub(super) attempts: Vec<AttemptEnd>,
    /// Attempts that did not begin after all.
    pub(super) not_called: Vec<(NotificationId, u32)>,
}

impl PendingWrites {
    pub(super) const fn is_empty(&self) -> bool {
        self.outcomes.is_empty() && self.units.is_empty() && self.poisoned.is_empty()
    }

    /// Adds what an attempt came to.
    pub(super) fn add_attempt(&mut self, result: Option<AttemptResult>) {
        match result {
            Some(AttemptResult::Ended(end)) => self.attempts.push(end),
            Some(AttemptResult::NotCalled(id, number)) => self.not_called.push((id, number)),
            None => {}
        }
    }

    pub(super) fn updates(&self) -> Vec<StatusUpdate> {
        let updates = self.outcomes.iter().map(|outcome| &outcome.update);
        updates.cloned().collect()
    }

    /// Counts the results and logs failures and dead letters, once they are committed.
    pub(super) fn log_and_count(&self, task: &TaskContext, step: Step, took: Duration) {
        let channel = step.channel();
        for FinalOutcome { update, report } in &self.outcomes {
            let provider = update.sent_by.clone().unwrap_or_else(|| "none".to_owned());
            metrics::counter!(
                "pillarbox_notifications_handed_over_total",
                "channel" => channel.as_str(), "provider" => provider, "status" => update.status.as_str()
            )
            .increment(1);
            if update.status == NotificationStatus::TechnicalFailure {
                let notification = (channel, task.leased().service_id, update.id);
                let why = report.as_deref().or(update.problem.as_deref());
                let pool = tasks::delivery_pool_of(task.leased(), step);
                technical_failures::report(task, pool, took, notification, why.unwrap_or_default());
            }
        }
        self.poisoned.iter().for_each(PoisonMessage::log);
    }
}
