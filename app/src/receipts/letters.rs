//! Receipts of the print provider (`docs/spec/public-api.md` §22.3, `docs/spec/letters.md` §9).

use domain::{Channel, NotificationId, NotificationStatus, TaskId, Timestamp};
use queue::{Enqueue as _, NewTask, TaskContext, TaskOutcome};
use store::{
    Tx,
    despatches::{self, Despatch},
    printed_letters::{self, PrintedLetter},
};
use templates::letter_timings::to_london;
use tracing::{error, info, warn};

use super::{early_receipt_delay, failed};
pub use crate::tasks::{CostThreshold, LetterReceipt, LetterReceiptStatus};
use crate::{App, callbacks, local_days, sealing::sealed_tokens, tasks, technical_failures};

const PURPOSE: &str = "letter-status";

impl LetterReceiptStatus {
    /// Returns the status of a letter that was despatched at this time.
    pub fn despatched(
        sheets: u32,
        postage_class: &str,
        mailing_product: &str,
        at: Timestamp,
    ) -> Self {
        let is_sorted = postage_class == "2ND" && ["MM", "MM ECONOMY"].contains(&mailing_product);
        let moment = jiff::Timestamp::from_microsecond(at.unix_micros()).unwrap_or_default();
        Self::Despatched {
            sheets,
            threshold: if is_sorted {
                CostThreshold::Sorted
            } else {
                CostThreshold::Unsorted
            },
            despatched_on: local_days::number_of(to_london(moment).date()),
        }
    }
}

impl CostThreshold {
    /// Returns the stored name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sorted => "sorted",
            Self::Unsorted => "unsorted",
        }
    }
}

/// Returns the token with which a print provider reports on this letter, and on no other.
pub fn letter_status_token(app: &App, letter: NotificationId) -> String {
    sealed_tokens::token(app, PURPOSE, letter.as_uuid().as_bytes())
}

/// Returns the letter that a token is for, or `None` if the token is not ours.
pub fn read_letter_status_token(app: &App, token: &str) -> Option<NotificationId> {
    let value = sealed_tokens::read(app, PURPOSE, token)?;
    uuid::Uuid::from_slice(&value).ok().map(Into::into)
}

/// Enqueues the task that applies a receipt. It is durable when this returns.
pub async fn accept_letter_receipt(app: &App, receipt: &LetterReceipt) -> Result<(), store::Error> {
    let now = app.clock.now();
    let task = tasks::letter_receipt(TaskId::generate(now, app.random()), receipt, now);
    let mut tx = app.write().await?;
    tx.enqueue(vec![task]).await?;
    app.commit_and_notify(tx, &[tasks::LETTER_CALLBACKS]).await
}

/// Applies a receipt.
pub(crate) async fn process(app: &App, task: &TaskContext, receipt: LetterReceipt) -> TaskOutcome {
    match try_process(app, task, &receipt).await {
        Ok(()) => TaskOutcome::Completed,
        Err(fault) => failed(app, task, &fault),
    }
}

async fn try_process(
    app: &App,
    task: &TaskContext,
    receipt: &LetterReceipt,
) -> Result<(), store::Error> {
    // Status, despatch and the end of the task are one transaction. It locks the letter, which retention may be about to
    // make a line of history.
    let mut tx = app.write().await?;
    let letter = printed_letters::lock_by_id(&mut tx, receipt.id).await?;
    match (letter, &receipt.status) {
        (None, _) => apply_missing(app, task, receipt, &mut tx).await?,
        (Some(letter), LetterReceiptStatus::Rejected) => {
            apply_rejected(app, &letter, &mut tx).await?;
        }
        (
            Some(letter),
            LetterReceiptStatus::Despatched {
                sheets,
                threshold,
                despatched_on,
            },
        ) => {
            let despatch = Despatch {
                notification_id: letter.id,
                service_id: letter.service_id,
                despatched_on: *despatched_on,
                cost_threshold: threshold.as_str().to_owned(),
            };
            apply_despatched(app, &letter, *sheets, &despatch, &mut tx).await?;
        }
    }
    task.complete(&mut tx).await?;
    // Perhaps a callback was enqueued; to wake its pool for nothing is harmless.
    app.commit_and_notify(tx, &[tasks::SERVICE_CALLBACKS]).await
}

async fn apply_missing(
    app: &App,
    task: &TaskContext,
    receipt: &LetterReceipt,
    tx: &mut Tx,
) -> Result<(), store::Error> {
    let (id, now) = (receipt.id, app.clock.now());
    if let Some(delay) = early_receipt_delay(app, task, id) {
        let again = NewTask {
            attempt: task.leased().attempt + 1,
            ready_at: now.plus(delay),
            ..tasks::letter_receipt(TaskId::generate(now, app.random()), receipt, now)
        };
        return tx.enqueue(vec![again]).await;
    }
    warn!(notification.id = %id, "the print provider reports on a letter that does not exist: {id}");
    Ok(())
}

async fn apply_rejected(
    app: &App,
    letter: &PrintedLetter,
    tx: &mut Tx,
) -> Result<(), store::Error> {
    let next = NotificationStatus::TechnicalFailure;
    let from = NotificationStatus::sources_of(next);
    let problem = Some("the print provider rejected it");
    if !set_status(app, tx, letter, next, from, problem).await? {
        log_duplicate(letter);
        return Ok(());
    }
    let id = letter.id;
    error!(
        notification.id = %id, service.id = %letter.service_id,
        "Letter status received as REJECTED for notification id: {id}. Ask the print provider why"
    );
    technical_failures::count(Channel::Letter);
    Ok(())
}

async fn apply_despatched(
    app: &App,
    letter: &PrintedLetter,
    sheets: u32,
    despatch: &Despatch,
    tx: &mut Tx,
) -> Result<(), store::Error> {
    let (id, service) = (letter.id, letter.service_id);
    if letter.billable_units != sheets {
        error!(
            notification.id = %id,
            "Notification with id {id} has {} billable_units but DVLA says page count is {sheets}",
            letter.billable_units
        );
    }
    despatches::upsert(tx, despatch).await?;
    let next = NotificationStatus::Delivered;
    // Wider than `sources_of(Delivered)`: a letter marked as failed was printed after all, which refutes its problem.
    let from = NotificationStatus::ALL.iter().copied();
    let from = from.filter(|status| status.can_be_despatched());
    let delivered = set_status(app, tx, letter, next, from, None).await?;
    match (delivered, letter.status) {
        (true, NotificationStatus::TechnicalFailure) => warn!(
            notification.id = %id, service.id = %service,
            "letter {id} had been given up, and the print provider has despatched it"
        ),
        (true, _) => info!(notification.id = %id, "letter {id} was despatched"),
        (false, NotificationStatus::Delivered | NotificationStatus::ReturnedLetter) => {
            log_duplicate(letter);
        }
        (false, status) => warn!(
            notification.id = %id, service.id = %service,
            "letter {id} was despatched although it is {status}"
        ),
    }
    Ok(())
}

/// Gives a letter a status if its status is one of `from`, stored or archived, and enqueues the callback to its service.
/// Returns whether it did.
async fn set_status(
    app: &App,
    tx: &mut Tx,
    letter: &PrintedLetter,
    next: NotificationStatus,
    from: impl Iterator<Item = NotificationStatus>,
    problem: Option<&str>,
) -> Result<bool, store::Error> {
    let now = app.clock.now();
    let changed = printed_letters::set_status(tx, &[letter], next, from, problem, now).await?;
    if changed == 0 {
        return Ok(false);
    }
    callbacks::enqueue_finals(app, tx, &[letter.final_status(next, now)], now).await?;
    Ok(true)
}

fn log_duplicate(letter: &PrintedLetter) {
    let id = letter.id;
    info!(
        notification.id = %id, service.id = %letter.service_id,
        "duplicate callback of the print provider for {id}, which is {}",
        letter.status
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_leaves_on_a_day_in_london_and_only_sorted_second_class_is_cheap() {
        let status = |class, product, at: &str| {
            LetterReceiptStatus::despatched(2, class, product, at.parse().unwrap())
        };
        let on = |day: &str, threshold| LetterReceiptStatus::Despatched {
            sheets: 2,
            threshold,
            despatched_on: day.parse::<Timestamp>().unwrap().utc_day().number(),
        };
        for (class, product, threshold) in [
            ("2ND", "MM", CostThreshold::Sorted),
            ("2ND", "MM ECONOMY", CostThreshold::Sorted),
            ("2ND", "UNSORTED", CostThreshold::Unsorted),
            ("1ST", "MM", CostThreshold::Unsorted),
        ] {
            let status = status(class, product, "2026-07-03T23:30:00Z");
            assert_eq!(status, on("2026-07-04", threshold), "{class} {product}");
        }
        assert_eq!(
            status("1ST", "UNCODED", "2026-01-03T23:30:00Z"),
            on("2026-01-03", CostThreshold::Unsorted)
        );
    }
}
