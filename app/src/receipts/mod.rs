//! Hearing back: receipts of providers (texts, letters), and here those that are made up for messages sent with
//! a test key, so that they show every later state while nothing leaves the system (`docs/spec/public-api.md` §12.5).

pub(crate) mod door;
mod letters;
mod texts;

use domain::{KeyType, NotificationId, NotificationStatus, ServiceId, Timestamp};
use queue::{Aside, NewTask, Task, Verdict, caught};
use store::notifications::{Notification, Outcome};
use tracing::warn;

use crate::{App, tasks};

pub use door::HearError;
pub(crate) use letters::process as process_letter;
pub use letters::{
    CostThreshold, LetterReceipt, LetterWord, hear_letter, letter_status_token,
    read_letter_status_token,
};
pub(crate) use texts::process as process_texts;
pub use texts::{TextReceipt, hear_text};

/// How long a message is looked for that a receipt names and that is not there, if its id says that it is young: a
/// receipt may overtake what it is about, and is kept until then.
const OVERTAKES_BY: std::time::Duration = std::time::Duration::from_mins(5);
/// How long between two looks.
const LOOK_AGAIN_AFTER: std::time::Duration = std::time::Duration::from_mins(1);
/// How often a receipt is tried again when it is itself what fails (`docs/spec/workers.md` §9.1).
const MAX_RETRIES: u32 = 5;
const RETRY_DELAY: std::time::Duration = std::time::Duration::from_mins(5);
const STORE_DELAY: std::time::Duration = std::time::Duration::from_secs(5);

/// Whether a message that is not there may still come: its id carries its time.
fn may_still_come(id: NotificationId, now: Timestamp) -> bool {
    domain::minted_at(id.as_uuid())
        .is_some_and(|minted| minted <= now && now.since(minted) < OVERTAKES_BY)
}

/// What to do with a task of receipts that the store failed: a fault that passes is waited for, any other is tried
/// again a few times.
fn failed(fault: &store::Error, task: &Task, now: Timestamp) -> Verdict {
    warn!(
        error = fault as &dyn std::error::Error,
        "cannot record receipts, will try again"
    );
    if fault.is_passing() {
        Verdict::RetryAt(now.plus(STORE_DELAY))
    } else if task.taken().attempt < MAX_RETRIES {
        Verdict::Retry(RETRY_DELAY)
    } else {
        Verdict::GiveUp(fault.to_string())
    }
}

/// Who takes messages that are only pretended to be sent.
const PRETENCE: &str = "test";

/// The hand-over of a message with a test key: it becomes `sending`, and its receipt will be made up.
pub(crate) fn pretend_to_send(message: &Notification, now: Timestamp) -> Outcome {
    debug_assert_eq!(
        message.key_type,
        KeyType::Test,
        "only test traffic is pretended"
    );
    Outcome {
        id: message.id,
        status: NotificationStatus::Sending,
        sent_at: Some(now),
        sent_by: Some(PRETENCE.to_owned()),
        reference: None,
        billable_units: None,
        problem: None,
    }
}

/// Those of these messages whose receipts have to be made up.
pub(crate) fn to_come(outcomes: &[Outcome]) -> impl Iterator<Item = NotificationId> {
    outcomes
        .iter()
        .filter(|outcome| outcome.sent_by.as_deref() == Some(PRETENCE))
        .map(|outcome| outcome.id)
}

/// Makes up the receipts of messages with a test key.
pub(crate) async fn make_up(app: &App, task: &Task, ids: &[NotificationId]) -> Verdict {
    match try_make_up(app, task, ids).await {
        Ok(()) => Verdict::Done,
        Err(fault) => {
            warn!(
                error = &fault as &dyn std::error::Error,
                "cannot make up receipts, will try again"
            );
            Verdict::Retry(std::time::Duration::from_secs(5))
        }
    }
}

async fn try_make_up(app: &App, task: &Task, ids: &[NotificationId]) -> Result<(), store::Error> {
    let (mut outcomes, mut asides) = (Vec::with_capacity(ids.len()), Vec::new());
    for id in ids {
        match caught(make_up_one(app, task.taken().service_id, *id)).await {
            Some(Ok(outcome)) => outcomes.extend(outcome),
            Some(Err(fault)) if !fault.is_of_one_row() => return Err(fault),
            Some(Err(fault)) => asides.push(aside(app, task, *id, &fault.to_string())),
            None => asides.push(aside(app, task, *id, "the program failed")),
        }
    }
    let now = app.clock.now();
    let mut tx = app.write().await?;
    store::notifications::record(&mut tx, &outcomes, now).await?;
    task.end(&mut tx).await?;
    for aside in &asides {
        aside.bury(&mut tx, now).await?;
    }
    tx.commit().await?;
    asides.iter().for_each(Aside::tell);
    Ok(())
}

/// Nothing if the message is not there any more.
async fn make_up_one(
    app: &App,
    service: ServiceId,
    id: NotificationId,
) -> Result<Option<Outcome>, store::Error> {
    let found = store::notifications::find(&mut app.read().await?, service, id).await?;
    let Some(message) = found else {
        return Ok(None);
    };
    let contents = message.open(app.store.vault())?;
    Ok(Some(Outcome {
        id,
        status: made_up_outcome(contents.normalised.reveal()),
        sent_at: None,
        sent_by: None,
        reference: None,
        billable_units: None,
        problem: None,
    }))
}

/// A message whose receipt cannot be made up, as a dead letter of its own.
fn aside(app: &App, task: &Task, message: NotificationId, why: &str) -> Aside {
    let id = uuid::Uuid::new_v5(&message.as_uuid(), b"made-up receipt").into();
    let service = task.taken().service_id;
    Aside {
        task: NewTask {
            attempt: task.taken().attempt,
            ..tasks::made_up_receipts(id, service, &[message], app.clock.now())
        },
        why: format!("the receipt of message {message} cannot be made up: {why}"),
    }
}

/// What becomes of a message with a test key (`docs/spec/public-api.md` §12.5).
fn made_up_outcome(recipient: &str) -> NotificationStatus {
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
            assert_eq!(made_up_outcome(recipient), outcome, "{recipient}");
        }
    }
}
