//! Messages that make the program fail. Such a message stays as it is and leaves its batch as a dead letter of its own;
//! the rest of the batch goes on.
//!
//! The id of the dead letter is a function of the message: there is one, however often the message is met, and whoever
//! meets the message in another task – a doubled one, or its batch again after a crash – leaves it alone until somebody
//! replays the dead letter. So a message that a provider may have is not handed over a second time unless a person says
//! so.

use std::collections::BTreeSet;

use domain::{NotificationId, TaskId, Timestamp};
use queue::{NewTask, PoisonMessage, TaskContext};
use store::Session;

use crate::tasks::{self, Step};

/// What was being done with a message when the program failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FailedPhase {
    /// It was read: of one row the database says what it cannot mean.
    Reading(String),
    /// It was made ready; no provider was asked.
    Preparing,
    /// A provider was asked.
    HandingOver,
}

impl FailedPhase {
    fn in_words(&self, id: NotificationId) -> String {
        match self {
            Self::Reading(what) => {
                format!("message {id} cannot be read, and was not handed over: {what}")
            }
            Self::Preparing => {
                format!(
                    "the program failed while it made message {id} ready, which was not handed over"
                )
            }
            Self::HandingOver => format!(
                "the program failed while it handed over message {id}, and the provider may have it: see whether it has, \
                 for a replay hands it over again unless a receipt has come"
            ),
        }
    }
}

/// A message, set aside from the task that it came in.
pub(super) fn poison_message(
    task: &TaskContext,
    step: Step,
    id: NotificationId,
    doing: &FailedPhase,
    now: Timestamp,
) -> PoisonMessage {
    PoisonMessage {
        task: single_notification_task(task, step, id, now),
        why: doing.in_words(id),
    }
}

/// A task for one message of a batch.
pub(super) fn single_notification_task(
    task: &TaskContext,
    step: Step,
    id: NotificationId,
    now: Timestamp,
) -> NewTask {
    let taken = task.leased();
    NewTask {
        pool: tasks::delivery_pool_of(taken, step),
        attempt: taken.attempt,
        ..tasks::redeliver(taken.service_id, step, taken.lane, id, now)
    }
}

/// Those of these messages that are set aside.
pub(crate) async fn list_poisoned(
    session: &mut Session,
    ids: impl IntoIterator<Item = NotificationId>,
) -> Result<BTreeSet<NotificationId>, store::Error> {
    let named: Vec<(TaskId, NotificationId)> = ids
        .into_iter()
        .map(|id| (tasks::redelivery_task_id(id), id))
        .collect();
    let tasks: Vec<TaskId> = named.iter().map(|(task, _)| *task).collect();
    let dead = store::tasks::filter_dead_letters(session, &tasks).await?;
    Ok(named
        .into_iter()
        .filter(|(task, _)| dead.contains(task))
        .map(|(_, id)| id)
        .collect())
}
