//! Receipts: of providers, for text messages, e-mails and letters, and simulated ones for test keys (`docs/spec/public-api.md`
//! §12.5).

mod applying;
mod bounces;
mod email;
pub mod inbound_sms;
mod keywords;
mod letters;
mod receipt_writer;
mod sms;
mod subject;
pub mod unsubscribe;

use std::{sync::Arc, time::Duration};

use domain::{KeyType, NotificationId, NotificationStatus, ServiceId, Timestamp};
use providers::SmsProvider;
use queue::{NewTask, PoisonMessage, TaskContext, TaskOutcome, catch_panic};
use store::notifications::{Notification, StatusUpdate};
use tracing::warn;

use crate::{
    App, callbacks,
    group_commit::{GroupCommit, Infrastructure},
    tasks,
};

pub use bounces::{SweepError, sweep_bounces, watch_bounces};
pub use email::accept_ses_notice;
pub(crate) use email::process as process_emails;
pub(crate) use letters::process as process_letter;
pub use letters::{
    CostThreshold, LetterReceipt, LetterReceiptStatus, accept_letter_receipt, letter_status_token,
    read_letter_status_token,
};
pub use receipt_writer::ReceiptError;
pub(crate) use sms::process as process_texts;
pub use sms::{SmsReceipt, SmsReporter, accept_sms_receipt};

/// The state of receiving receipts.
#[derive(Debug)]
pub(crate) struct ReceiptState {
    writer: GroupCommit<receipt_writer::ReceiptWriter>,
}

impl ReceiptState {
    /// Starts the group commit of receipts.
    pub(crate) fn start(infrastructure: &Infrastructure) -> Self {
        Self {
            writer: receipt_writer::ReceiptWriter::start(infrastructure),
        }
    }
}

/// Returns an SMS provider by its name in the settings, to read the requests that it makes to the platform.
pub fn sms_provider(app: &App, name: &str) -> Option<Arc<dyn SmsProvider>> {
    let found = app
        .providers
        .sms
        .iter()
        .find(|one| one.provider.name() == name);
    found.map(|one| one.provider.clone())
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

/// Returns a code of a provider if it is one.
fn printable_code(text: &str, max_bytes: usize) -> &str {
    // Anyone can send a receipt, so text that is not a code may be personal or a forged log line, and is not stored.
    let is_code = text.len() <= max_bytes
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if is_code { text } else { "(unreadable)" }
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

/// The value of `sent_by` of notifications with a test key, which no provider gets.
const SIMULATED_SENT_BY: &str = "test";

/// Returns the update of a notification with a test key: it becomes `sending`, and a simulated receipt follows.
pub(crate) fn simulate_send(message: &Notification, now: Timestamp) -> StatusUpdate {
    debug_assert_eq!(
        message.key_type,
        KeyType::Test,
        "only test keys are simulated"
    );
    StatusUpdate {
        sent_at: Some(now),
        sent_by: Some(SIMULATED_SENT_BY.to_owned()),
        ..StatusUpdate::new(message.id, NotificationStatus::Sending)
    }
}

/// Returns the notifications among these updates that need a simulated receipt.
pub(crate) fn awaiting_simulated_receipt(
    outcomes: &[StatusUpdate],
) -> impl Iterator<Item = NotificationId> {
    outcomes
        .iter()
        .filter(|outcome| outcome.sent_by.as_deref() == Some(SIMULATED_SENT_BY))
        .map(|outcome| outcome.id)
}

/// Applies simulated receipts to notifications with a test key.
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
                "cannot simulate receipts, will try again"
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
    let (mut outcomes, mut poisoned) = (Vec::with_capacity(ids.len()), Vec::new());
    for id in ids {
        // One notification on which the program fails must not keep the others from their receipts.
        match catch_panic(simulate_receipt(app, task.leased().service_id, *id)).await {
            Some(Ok(outcome)) => outcomes.extend(outcome),
            Some(Err(fault)) if !fault.is_corrupt_row() => return Err(fault),
            Some(Err(fault)) => poisoned.push(poison_message(app, task, *id, &fault.to_string())),
            None => poisoned.push(poison_message(app, task, *id, "the program failed")),
        }
    }
    let now = app.clock.now();
    let mut tx = app.write().await?;
    let applied = callbacks::apply_updates(app, &mut tx, &outcomes, now).await?;
    task.complete(&mut tx).await?;
    for message in &poisoned {
        message.dead_letter(&mut tx, now).await?;
    }
    app.commit_and_notify(tx, applied.pools).await?;
    poisoned.iter().for_each(PoisonMessage::log);
    Ok(())
}

/// Returns `None` if the notification does not exist any more.
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
    Ok(Some(StatusUpdate::new(
        id,
        simulated_outcome(contents.normalised.reveal()),
    )))
}

/// Returns a notification whose receipt cannot be simulated, as a poison message.
fn poison_message(
    app: &App,
    task: &TaskContext,
    message: NotificationId,
    why: &str,
) -> PoisonMessage {
    // A function of the notification, so that a task that runs twice leaves one dead letter.
    let id = uuid::Uuid::new_v5(&message.as_uuid(), b"made-up receipt").into();
    let service = task.leased().service_id;
    PoisonMessage {
        task: NewTask {
            attempt: task.leased().attempt,
            ..tasks::simulated_receipts(id, service, &[message], app.clock.now())
        },
        why: format!("the receipt of message {message} cannot be simulated: {why}"),
    }
}

/// Returns the final status of a notification with a test key (`docs/spec/public-api.md` §12.5).
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
    fn a_text_that_is_not_a_code_is_not_stored() {
        assert_eq!(printable_code("2049", 32), "2049");
        for invalid in ["07700 900123", "a\nb", &"x".repeat(33), "é"] {
            assert_eq!(printable_code(invalid, 32), "(unreadable)", "{invalid}");
        }
    }

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
