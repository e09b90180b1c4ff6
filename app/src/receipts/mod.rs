//! Hearing back: receipts of providers (texts, letters), and here those that are made up for messages sent with
//! a test key, so that they show every later state while nothing leaves the system (`docs/spec/public-api.md` §12.5).

pub mod inbound_sms;
mod letters;
mod receipt_writer;
mod sms;
pub mod unsubscribe;

use std::time::Duration;

use domain::{KeyType, NotificationId, NotificationStatus, ServiceId, Timestamp};
use queue::{NewTask, PoisonMessage, TaskContext, TaskOutcome, catch_panic};
use store::notifications::{Notification, StatusUpdate};
use tracing::warn;

use crate::{
    App,
    group_commit::{GroupCommit, Infrastructure},
    tasks,
};

pub(crate) use letters::process as process_letter;
pub use letters::{
    CostThreshold, LetterReceipt, LetterReceiptStatus, accept_letter_receipt, letter_status_token,
    read_letter_status_token,
};
pub use receipt_writer::ReceiptError;
pub(crate) use sms::process as process_texts;
pub use sms::{SmsReceipt, accept_sms_receipt};

/// What receiving receipts knows between requests.
#[derive(Debug)]
pub(crate) struct ReceiptState {
    sms: GroupCommit<receipt_writer::ReceiptWriter>,
}

impl ReceiptState {
    /// Starts the group commit of receipts.
    pub(crate) fn start(infrastructure: &Infrastructure) -> Self {
        Self {
            sms: receipt_writer::ReceiptWriter::start(infrastructure),
        }
    }
}

/// How long a receipt waits for its notification, counted from the time in the notification's id. A provider can report
/// before the notification is committed.
const EARLY_RECEIPT_WINDOW: Duration = Duration::from_mins(5);

/// Returns after how long to look again for a notification that does not exist, or `None` if it will not appear any
/// more.
fn early_receipt_delay(app: &App, task: &TaskContext, id: NotificationId) -> Option<Duration> {
    let now = app.clock.now();
    let generated = domain::generated_at(id.as_uuid())?;
    let is_young = generated <= now && now.since(generated) < EARLY_RECEIPT_WINDOW;
    // Anyone can send a receipt with an invented id: only an id that was generated just now is worth another look.
    is_young
        .then(|| tasks::EARLY_RECEIPT.next(task.leased().attempt, app.random()))
        .flatten()
}

/// Returns the outcome of a receipt task that the database failed.
fn failed(app: &App, task: &TaskContext, fault: &store::Error) -> TaskOutcome {
    warn!(
        error = fault as &dyn std::error::Error,
        "cannot record receipts, will try again"
    );
    if fault.is_transient() {
        TaskOutcome::Snooze(app.clock.now().plus(tasks::STORAGE_PAUSE))
    } else {
        tasks::retry(task, app.random(), fault)
    }
}

/// Who takes messages that are only pretended to be sent.
const SIMULATED_SENT_BY: &str = "test";

/// The hand-over of a message with a test key: it becomes `sending`, and its receipt will be made up.
pub(crate) fn simulate_send(message: &Notification, now: Timestamp) -> StatusUpdate {
    debug_assert_eq!(
        message.key_type,
        KeyType::Test,
        "only test traffic is pretended"
    );
    StatusUpdate {
        id: message.id,
        status: NotificationStatus::Sending,
        sent_at: Some(now),
        sent_by: Some(SIMULATED_SENT_BY.to_owned()),
        reference: None,
        billable_units: None,
        problem: None,
    }
}

/// Those of these messages whose receipts have to be made up.
pub(crate) fn awaiting_simulated_receipt(
    outcomes: &[StatusUpdate],
) -> impl Iterator<Item = NotificationId> {
    outcomes
        .iter()
        .filter(|outcome| outcome.sent_by.as_deref() == Some(SIMULATED_SENT_BY))
        .map(|outcome| outcome.id)
}

/// Makes up the receipts of messages with a test key.
pub(crate) async fn simulate_receipts(
    app: &App,
    task: &TaskContext,
    ids: &[NotificationId],
) -> TaskOutcome {
    match try_simulate_receipts(app, task, ids).await {
        Ok(()) => TaskOutcome::Completed,
        Err(fault) => {
            warn!(
                error = &fault as &dyn std::error::Error,
                "cannot make up receipts, will try again"
            );
            tasks::retry(task, app.random(), &fault)
        }
    }
}

async fn try_simulate_receipts(
    app: &App,
    task: &TaskContext,
    ids: &[NotificationId],
) -> Result<(), store::Error> {
    let (mut outcomes, mut asides) = (Vec::with_capacity(ids.len()), Vec::new());
    for id in ids {
        match catch_panic(simulate_receipt(app, task.leased().service_id, *id)).await {
            Some(Ok(outcome)) => outcomes.extend(outcome),
            Some(Err(fault)) if !fault.is_corrupt_row() => return Err(fault),
            Some(Err(fault)) => asides.push(poison_message(app, task, *id, &fault.to_string())),
            None => asides.push(poison_message(app, task, *id, "the program failed")),
        }
    }
    let now = app.clock.now();
    let mut tx = app.write().await?;
    store::notifications::apply(&mut tx, &outcomes, now).await?;
    task.complete(&mut tx).await?;
    for aside in &asides {
        aside.dead_letter(&mut tx, now).await?;
    }
    tx.commit().await?;
    asides.iter().for_each(PoisonMessage::log);
    Ok(())
}

/// Nothing if the message is not there any more.
async fn simulate_receipt(
    app: &App,
    service: ServiceId,
    id: NotificationId,
) -> Result<Option<StatusUpdate>, store::Error> {
    let found = store::notifications::find(&mut app.read().await?, service, id).await?;
    let Some(message) = found else {
        return Ok(None);
    };
    let contents = message.open(app.store.keyring())?;
    Ok(Some(StatusUpdate {
        id,
        status: simulated_outcome(contents.normalised.reveal()),
        sent_at: None,
        sent_by: None,
        reference: None,
        billable_units: None,
        problem: None,
    }))
}

/// A message whose receipt cannot be made up, as a dead letter of its own.
fn poison_message(
    app: &App,
    task: &TaskContext,
    message: NotificationId,
    why: &str,
) -> PoisonMessage {
    let id = uuid::Uuid::new_v5(&message.as_uuid(), b"made-up receipt").into();
    let service = task.leased().service_id;
    PoisonMessage {
        task: NewTask {
            attempt: task.leased().attempt,
            ..tasks::simulated_receipts(id, service, &[message], app.clock.now())
        },
        why: format!("the receipt of message {message} cannot be made up: {why}"),
    }
}

/// What becomes of a message with a test key (`docs/spec/public-api.md` §12.5).
fn simulated_outcome(recipient: &str) -> NotificationStatus {
    match recipient {
        "temp-fail@simulator.notify" => NotificationStatus::TemporaryFailure,
        "perm-fail@simulator.notify" => NotificationStatus::PermanentFailure,
        number if number.ends_with("7700900003") => NotificationStatus::TemporaryFailure,
        number if number.ends_with("7700900002") => NotificationStatus::PermanentFailure,
        _ => NotificationStatus::Delivered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recipient_of_a_test_message_decides_its_outcome() {
        for (recipient, outcome) in [
            ("447700900003", NotificationStatus::TemporaryFailure),
            ("447700900002", NotificationStatus::PermanentFailure),
            ("447700900004", NotificationStatus::Delivered),
            (
                "temp-fail@simulator.notify",
                NotificationStatus::TemporaryFailure,
            ),
            (
                "perm-fail@simulator.notify",
                NotificationStatus::PermanentFailure,
            ),
            ("ada@example.com", NotificationStatus::Delivered),
        ] {
            assert_eq!(simulated_outcome(recipient), outcome, "{recipient}");
        }
    }
}
