//! Receipts of text message providers (`docs/spec/workers.md` §9.1). A request stores the receipt as a task; the task
//! applies it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use domain::{Channel, NotificationStatus, SmsReceiptSource, TaskId, Timestamp};
use providers::sms::receipts;
use queue::{Enqueue as _, NewTask, PoisonMessage, TaskContext, TaskOutcome, catch_panic};
use recipients::phone_numbers;
use store::notifications::{Notification, StatusUpdate};
use tracing::{error, info, warn};

use super::{early_receipt_delay, failed, receipt_writer::ReceiptError};
pub use crate::tasks::SmsReceipt;
use crate::{App, cache::tenants, callbacks, compose, tasks, technical_failures};

/// Longest status or code of any provider, in bytes.
const MAX_CODE_BYTES: usize = 32;

/// Stores a receipt as a task; it is durable when this returns. An invalid reference is logged and accepted, because
/// the provider would only send it again.
pub async fn accept_sms_receipt(
    app: &App,
    by: SmsReceiptSource,
    reference: &str,
    status: &str,
    code: Option<&str>,
) -> Result<(), ReceiptError> {
    let Ok(id) = reference.parse() else {
        let reference = printable_code(reference);
        warn!("{} callback with invalid reference {reference}", by.title());
        return Ok(());
    };
    let receipt = SmsReceipt {
        by,
        id,
        status: printable_code(status).to_owned(),
        code: code.map(|code| printable_code(code).to_owned()),
        at: app.clock.now(),
    };
    app.receipts.sms.commit(receipt).await
}

fn printable_code(text: &str) -> &str {
    // Anyone can send a receipt, so text that is not a code may be personal or a forged log line, and is not stored.
    let is_code = text.len() <= MAX_CODE_BYTES
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if is_code { text } else { "(unreadable)" }
}

/// Applies receipts.
pub(crate) async fn process(
    app: &App,
    task: &TaskContext,
    receipts: Vec<SmsReceipt>,
) -> TaskOutcome {
    match try_process(app, task, receipts).await {
        Ok(()) => TaskOutcome::Completed,
        Err(fault) => failed(app, task, &fault),
    }
}

async fn try_process(
    app: &App,
    task: &TaskContext,
    receipts: Vec<SmsReceipt>,
) -> Result<(), Arc<store::Error>> {
    let (mut rest, mut early) = (receipts, Vec::new());
    loop {
        // What a receipt means depends on the status before it, so each round has one for each notification.
        let round;
        (round, rest) = first_per_notification(rest);
        let (mut outcomes, mut poisoned) = (Vec::with_capacity(round.len()), Vec::new());
        for receipt in round {
            match catch_panic(evaluate(app, task, &receipt)).await {
                Some(Ok(Evaluation::Update(outcome))) => outcomes.push(outcome),
                Some(Ok(Evaluation::RetryAfter(delay))) => early.push((receipt, delay)),
                Some(Ok(Evaluation::Ignore)) => {}
                Some(Err(fault)) if !fault.is_corrupt_row() => return Err(fault),
                Some(Err(fault)) => {
                    poisoned.push(poison_message(app, task, receipt, &fault.to_string()));
                }
                None => poisoned.push(poison_message(app, task, receipt, "the program failed")),
            }
        }
        let now = app.clock.now();
        let mut tx = app.write().await?;
        let applied = callbacks::apply_updates(app, &mut tx, &outcomes, now).await?;
        for message in &poisoned {
            message.dead_letter(&mut tx, now).await?;
        }
        let is_last = rest.is_empty();
        if is_last && task.complete(&mut tx).await? && !early.is_empty() {
            let early = std::mem::take(&mut early);
            tx.enqueue(vec![retry_task(app, task, early, now)]).await?;
        }
        app.commit_and_notify(tx, applied.pools).await?;
        poisoned.iter().for_each(PoisonMessage::log);
        if is_last {
            return Ok(());
        }
    }
}

/// Returns a receipt that cannot be applied as a poison message.
fn poison_message(app: &App, task: &TaskContext, receipt: SmsReceipt, why: &str) -> PoisonMessage {
    let name = format!(
        "receipt {} {} {:?}",
        receipt.by.as_str(),
        receipt.status,
        receipt.code
    );
    // A function of the content, so that a receipt that is sent twice is one dead letter.
    let id = uuid::Uuid::new_v5(&receipt.id.as_uuid(), name.as_bytes());
    let why = format!(
        "the receipt of {} about message {} cannot be recorded: {why}",
        receipt.by.title(),
        receipt.id
    );
    PoisonMessage {
        task: NewTask {
            attempt: task.leased().attempt,
            ..tasks::sms_receipts(id.into(), vec![receipt], app.clock.now())
        },
        why,
    }
}

/// Splits off the first receipt of each notification.
fn first_per_notification(receipts: Vec<SmsReceipt>) -> (Vec<SmsReceipt>, Vec<SmsReceipt>) {
    let mut seen = BTreeSet::new();
    receipts
        .into_iter()
        .partition(|receipt| seen.insert(receipt.id))
}

fn retry_task(
    app: &App,
    task: &TaskContext,
    early: Vec<(SmsReceipt, Duration)>,
    now: Timestamp,
) -> NewTask {
    let (receipts, delays): (Vec<_>, Vec<_>) = early.into_iter().unzip();
    NewTask {
        attempt: task.leased().attempt + 1,
        ready_at: now.plus(delays.into_iter().max().unwrap_or_default()),
        ..tasks::sms_receipts(TaskId::generate(now, app.random()), receipts, now)
    }
}

/// What a receipt leads to.
enum Evaluation {
    Update(StatusUpdate),
    /// The notification may be committed soon.
    RetryAfter(Duration),
    Ignore,
}

async fn evaluate(
    app: &App,
    task: &TaskContext,
    receipt: &SmsReceipt,
) -> Result<Evaluation, Arc<store::Error>> {
    let (id, by) = (receipt.id, receipt.by.title());
    let found = store::notifications::find_for_any_service(&mut app.read().await?, id).await?;
    let Some(message) = found.filter(|message| message.channel == Channel::Sms) else {
        // The provider can report before the notification is committed.
        if let Some(delay) = early_receipt_delay(app, task, id) {
            return Ok(Evaluation::RetryAfter(delay));
        }
        warn!(notification.id = %id, "{by} callback for a text message that does not exist: {id}");
        count(receipt, "unknown");
        return Ok(Evaluation::Ignore);
    };
    let next = resulting_status(receipt, &message);
    // A final status is never overwritten.
    if next == message.status || !message.status.can_transition_to(next) {
        info!(
            notification.id = %id, service.id = %message.service_id,
            "duplicate callback of {by} for {id}: it is {} and would become {next}, {} seconds after it was",
            message.status,
            receipt.at.since(message.updated_at.unwrap_or(receipt.at)).as_secs()
        );
        count(receipt, "duplicate");
        return Ok(Evaluation::Ignore);
    }
    if !is_believable(&message) {
        count(receipt, "ignored");
        return Ok(Evaluation::Ignore);
    }
    if receipts::status(receipt.by, &receipt.status).is_none() {
        error!(
            notification.id = %id,
            "{by} callback failed: status {} not found. Look up what it means: the text is now {next}",
            receipt.status
        );
        technical_failures::count(Channel::Sms);
    }
    count(receipt, next.as_str());
    status_update(app, receipt, &message, next)
        .await
        .map(Evaluation::Update)
}

/// Returns the status that the receipt gives the notification.
fn resulting_status(receipt: &SmsReceipt, message: &Notification) -> NotificationStatus {
    // A status that is not in the provider's table ends the notification, and is reported to operators.
    let reported = receipts::status(receipt.by, &receipt.status);
    let sent_by = message.sent_by.as_deref().unwrap_or(receipt.by.as_str());
    receipts::refine(
        reported.unwrap_or(NotificationStatus::TechnicalFailure),
        sent_by,
        receipt.code.as_deref(),
        message.status,
    )
}

/// Returns whether receipts of this notification's country are reliable (`docs/spec/workers.md` §9.1).
fn is_believable(message: &Notification) -> bool {
    let prefix = message.phone_prefix.as_deref().unwrap_or_default();
    !message.international || phone_numbers::reports_delivery(prefix)
}

async fn status_update(
    app: &App,
    receipt: &SmsReceipt,
    message: &Notification,
    status: NotificationStatus,
) -> Result<StatusUpdate, Arc<store::Error>> {
    let by = receipt.by;
    let detail = receipt
        .code
        .as_deref()
        .and_then(|code| receipts::detail(by, &receipt.status, code));
    let problem = status
        .is_failure()
        .then(|| detail.map_or_else(|| format!("status {}", receipt.status), str::to_owned));
    // This receipt was processed before the result of sending was committed, and is the first to tell the provider.
    let is_first_report = message.status == NotificationStatus::Created;
    Ok(StatusUpdate {
        id: message.id,
        status,
        sent_at: is_first_report.then_some(receipt.at),
        sent_by: message.sent_by.is_none().then(|| by.as_str().to_owned()),
        reference: None,
        billable_units: missing_fragments(app, message).await?,
        problem,
    })
}

/// Returns the fragments of a text message whose result of sending could not be recorded, so that they were never
/// stored.
async fn missing_fragments(
    app: &App,
    message: &Notification,
) -> Result<Option<u32>, Arc<store::Error>> {
    if message.billable_units > 0 {
        return Ok(None);
    }
    match tenants::find(app, message.service_id).await? {
        Some(tenant) => compose::sms::fragments(app, &tenant, message).await,
        None => Ok(None),
    }
}

fn count(receipt: &SmsReceipt, outcome: &'static str) {
    metrics::counter!(
        "pillarbox_receipts_total", "provider" => receipt.by.as_str(), "outcome" => outcome
    )
    .increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt(id: u128, status: &str) -> SmsReceipt {
        SmsReceipt {
            by: SmsReceiptSource::Firetext,
            id: uuid::Uuid::from_u128(id).into(),
            status: status.to_owned(),
            code: None,
            at: Timestamp::default(),
        }
    }

    #[test]
    fn receipts_of_one_notification_are_applied_in_order() {
        let all = vec![receipt(1, "2"), receipt(2, "0"), receipt(1, "1")];
        let (now, later) = first_per_notification(all);
        assert_eq!(now, [receipt(1, "2"), receipt(2, "0")]);
        assert_eq!(later, [receipt(1, "1")]);
    }

    #[test]
    fn a_text_that_is_not_a_code_is_not_stored() {
        assert_eq!(printable_code("2049"), "2049");
        for invalid in ["07700 900123", "a\nb", &"x".repeat(33), "é"] {
            assert_eq!(printable_code(invalid), "(unreadable)", "{invalid}");
        }
    }
}
