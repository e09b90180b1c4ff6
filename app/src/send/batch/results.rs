//! What an attempt to send a notification comes to, and what becomes of a notification whose attempt failed.

use std::{sync::PoisonError, time::Duration};

use domain::{Channel, NotificationId, NotificationStatus};
use files::Key;
use queue::RetryPolicy;
use store::{
    attempts::AttemptEnd,
    notifications::{Notification, StatusUpdate},
};
use tracing::{info, warn};

use super::Batch;
use crate::{
    send::{FailedPhase, SendFailure, pending_writes::FinalOutcome},
    tasks::{self, Step},
};

/// What one attempt to send a notification came to.
#[derive(Debug)]
pub(in crate::send) enum SendResult {
    /// The result is final.
    Final(FinalOutcome),
    /// The result of an earlier run of the task, whose commit failed, and the end of that run's attempt.
    Recorded(FinalOutcome, Option<AttemptEnd>),
    /// Another attempt follows.
    Retry {
        id: NotificationId,
        after: Duration,
        /// How often its outcome has been unknown.
        unknown_outcomes: u32,
        why: String,
    },
    /// There is nothing to send, or nothing more to record.
    Noop(NotificationId),
    /// Not attempted, because the batch has used its time or no provider has room.
    NotStarted(NotificationId),
    /// Done, and this step follows.
    Next(NotificationId, Step),
    /// Not attempted, because the lease is lost and another worker has the batch.
    LeaseLost(NotificationId),
    /// The program failed.
    Panicked(NotificationId, FailedPhase),
}

impl SendResult {
    /// Returns the notification whose attempt ends with this result.
    pub(in crate::send) const fn id(&self) -> Option<NotificationId> {
        match self {
            Self::Final(outcome) => Some(outcome.update.id),
            Self::Retry { id, .. }
            | Self::Noop(id)
            | Self::NotStarted(id)
            | Self::Next(id, _)
            | Self::LeaseLost(id)
            | Self::Panicked(id, _) => Some(*id),
            // The attempt was that of an earlier run.
            Self::Recorded(..) => None,
        }
    }
}

impl Batch<'_> {
    pub(super) fn apply_failure(
        &self,
        notification: &Notification,
        failure: SendFailure,
    ) -> SendResult {
        let id = notification.id;
        match failure {
            SendFailure::Noop => SendResult::Noop(id),
            SendFailure::Next(step) => SendResult::Next(id, step),
            SendFailure::LeaseLost => SendResult::LeaseLost(id),
            SendFailure::NoRoom(pause) => {
                self.wait_for_room
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(pause);
                SendResult::NotStarted(id)
            }
            SendFailure::Permanent(status, why) => self.fail(notification, status, why, None),
            SendFailure::Retry {
                policy,
                after,
                exhausted,
                why,
            } => {
                let task = self.task.leased();
                let policy = policy.unwrap_or_else(|| tasks::retry_policy(&task.kind));
                match policy.next(task.attempt, self.app.random()) {
                    Some(delay) => SendResult::Retry {
                        id,
                        after: after.unwrap_or(delay),
                        unknown_outcomes: self.delivery.unknown_outcomes,
                        why,
                    },
                    None => self.give_up(notification, exhausted, why, policy),
                }
            }
            // A print provider recognises a letter that it has by its reference (`docs/spec/letters.md` §7.2), so sending it
            // again is harmless.
            SendFailure::Unknown(why) if self.channel == Channel::Letter => {
                self.apply_failure(notification, SendFailure::retry(why))
            }
            SendFailure::Unknown(why) => {
                let policy = tasks::UNKNOWN_OUTCOME;
                let next = policy.next(self.delivery.unknown_outcomes, self.app.random());
                let Some(after) = next else {
                    let status = NotificationStatus::TechnicalFailure;
                    return self.give_up(notification, status, why, policy);
                };
                SendResult::Retry {
                    id,
                    after,
                    unknown_outcomes: self.delivery.unknown_outcomes + 1,
                    why,
                }
            }
        }
    }

    /// Ends a notification whose retries are used up.
    fn give_up(
        &self,
        notification: &Notification,
        status: NotificationStatus,
        why: String,
        policy: RetryPolicy,
    ) -> SendResult {
        let id = notification.id;
        // An operator can do nothing about a recipient whose mailbox stays full.
        if status != NotificationStatus::TechnicalFailure {
            info!(notification.id = %id, "notification {id} has been updated to {status}: {why}");
            return self.fail(notification, status, why, None);
        }
        let report = if policy == tasks::LETTER_SCAN {
            let file = Key::letter_pdf(notification.service_id.as_uuid(), id.as_uuid());
            format!("notification id {id} Virus scan error: {file}")
        } else if policy == tasks::LETTER_PDF {
            format!("RETRY FAILED: task create_letters_pdf failed for notification {id}")
        } else {
            format!(
                "RETRY FAILED: Max retries reached. The task send_{}_to_provider failed for notification {id}. \
                 Notification has been updated to technical-failure",
                self.channel
            )
        };
        self.fail(notification, status, why, Some(report))
    }

    /// Returns the result of a notification that has failed, with the units that a provider may have taken.
    fn fail(
        &self,
        notification: &Notification,
        status: NotificationStatus,
        why: String,
        report: Option<String>,
    ) -> SendResult {
        let id = notification.id;
        // A letter with a test key is `delivered` before it has pages, and stays so if they cannot be made.
        if !notification.status.can_transition_to(status) {
            warn!(
                notification.id = %id, service.id = %notification.service_id,
                "{} {id} cannot become {status}, and stays {}: {why}", notification.channel, notification.status
            );
            return SendResult::Noop(id);
        }
        let units = self.held.attempts.units_not_stored(id);
        let update = StatusUpdate {
            billable_units: units.map(|(_, units)| units),
            ..StatusUpdate::failed(id, status, why)
        };
        SendResult::Final(FinalOutcome { update, report })
    }
}
