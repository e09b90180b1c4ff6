//! Simulated receipts of messages with a test key, which no provider gets (`docs/spec/workers.md` §10). They are those that the
//! provider would send which is drawn for the message, and are applied as these are.

use domain::{
    Channel, EmailReceiptSource, KeyType, NotificationId, NotificationStatus, ServiceId, Timestamp,
};
use providers::{SmsProvider, sms::receipts};
use queue::{NewTask, PoisonMessage, TaskContext, TaskOutcome, catch_panic};
use store::notifications::{Notification, StatusUpdate};

use super::{email, failed, sms};
use crate::{
    App, callbacks,
    tasks::{self, EmailEvent, EmailReceipt, MessageKey, SmsReceipt},
};

/// The value of `sent_by` of notifications with a test key.
pub(super) const SIMULATED_SENT_BY: &str = "test";

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

/// The receipts of a batch, which is of one channel.
#[derive(Default)]
struct Simulated {
    texts: Vec<SmsReceipt>,
    emails: Vec<EmailReceipt>,
    /// Of letters, whose receipts come with a token of their own.
    letters: Vec<StatusUpdate>,
    poisoned: Vec<PoisonMessage>,
}

/// Applies simulated receipts to notifications with a test key.
pub(crate) async fn simulate_receipts(
    app: &App,
    task: &TaskContext,
    ids: &[NotificationId],
) -> TaskOutcome {
    match simulate_all(app, task, ids).await {
        Ok(all) if !all.letters.is_empty() => {
            match apply_to_letters(app, task, &all.letters).await {
                Ok(()) => TaskOutcome::Completed,
                Err(fault) => failed(app, task, &fault),
            }
        }
        Ok(all) if !all.emails.is_empty() => email::process(app, task, all.emails).await,
        Ok(all) => sms::process(app, task, all.texts).await,
        Err(fault) => failed(app, task, &fault),
    }
}

async fn apply_to_letters(
    app: &App,
    task: &TaskContext,
    updates: &[StatusUpdate],
) -> Result<(), store::Error> {
    let (now, mut tx) = (app.clock.now(), app.write().await?);
    let applied = callbacks::apply_updates(app, &mut tx, updates, now).await?;
    task.complete(&mut tx).await?;
    app.commit_and_notify(tx, applied.pools).await
}

async fn simulate_all(
    app: &App,
    task: &TaskContext,
    ids: &[NotificationId],
) -> Result<Simulated, store::Error> {
    let mut all = Simulated::default();
    for id in ids {
        // One notification on which the program fails must not keep the others from their receipts.
        match catch_panic(find_outcome(app, task.leased().service_id, *id)).await {
            Some(Ok(Some((message, outcome)))) => add_receipts(&mut all, app, &message, outcome),
            Some(Ok(None)) => {}
            Some(Err(fault)) if !fault.is_corrupt_row() => return Err(fault),
            Some(Err(fault)) => {
                let poisoned = poison_message(app, task, *id, &fault.to_string());
                all.poisoned.push(poisoned);
            }
            None => {
                let poisoned = poison_message(app, task, *id, "the program failed");
                all.poisoned.push(poisoned);
            }
        }
    }
    if !all.poisoned.is_empty() {
        // Before the task ends. If it runs again, it leaves the same dead letters.
        let (now, mut tx) = (app.clock.now(), app.write().await?);
        for message in &all.poisoned {
            message.dead_letter(&mut tx, now).await?;
        }
        tx.commit().await?;
        all.poisoned.iter().for_each(PoisonMessage::log);
    }
    Ok(all)
}

/// Returns a notification with the status that its recipient asks for; `None` if it does not exist any more.
async fn find_outcome(
    app: &App,
    service: ServiceId,
    id: NotificationId,
) -> Result<Option<(Notification, NotificationStatus)>, store::Error> {
    let found = store::notifications::find(&mut app.read().await?, service, id).await?;
    let Some(message) = found else {
        return Ok(None);
    };
    let contents = message.open(app.store.keyring())?;
    let outcome = simulated_outcome(contents.normalised.reveal());
    Ok(Some((message, outcome)))
}

fn add_receipts(
    all: &mut Simulated,
    app: &App,
    message: &Notification,
    outcome: NotificationStatus,
) {
    let at = app.clock.now();
    if message.channel == Channel::Letter {
        all.letters.push(StatusUpdate::new(message.id, outcome));
        return;
    }
    if message.channel == Channel::Email {
        let event = match outcome {
            NotificationStatus::Delivered => EmailEvent::Delivered,
            NotificationStatus::TemporaryFailure => EmailEvent::SoftBounce { detail: None },
            _ => EmailEvent::HardBounce { detail: None },
        };
        all.emails.push(EmailReceipt {
            by: EmailReceiptSource::Ses,
            of: MessageKey::Id(message.id),
            event,
            mailed_at: None,
            at,
        });
        return;
    }
    let provider = draw_provider(app, message.international);
    let by = provider.map_or(domain::SmsReceiptSource::Http, receipts::source_of);
    let reported = receipts::simulated(by, outcome).iter();
    all.texts.extend(reported.map(|(status, code)| SmsReceipt {
        by,
        provider: provider.map(|provider| provider.name().to_owned()),
        id: message.id,
        status: (*status).to_owned(),
        code: code.map(str::to_owned),
        at,
    }));
}

/// Draws a provider by the shares in the settings. `None` if there is none for such numbers.
fn draw_provider(app: &App, is_international: bool) -> Option<&dyn SmsProvider> {
    let suitable = || {
        let all = app.providers.sms.iter();
        all.filter(move |one| !is_international || one.provider.supports_international())
    };
    let total: u32 = suitable().map(|one| one.priority).sum();
    let mut drawn = match total {
        0 => 0,
        total => {
            let mut bytes = [0; 4];
            app.random().fill(&mut bytes);
            u32::from_le_bytes(bytes) % total
        }
    };
    let chosen = suitable().find(|one| {
        let is_it = drawn < one.priority;
        drawn = drawn.saturating_sub(one.priority);
        is_it
    });
    // Without any share, the first.
    let chosen = chosen.or_else(|| suitable().next());
    chosen.map(|one| &*one.provider)
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
