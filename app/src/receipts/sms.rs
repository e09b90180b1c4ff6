//! Receipts of text message providers (`docs/spec/workers.md` §9.1): kept when they come, recorded by a task.
//!
//! A receipt never overwrites an outcome. One that comes before the hand-over itself is recorded is taken at its word –
//! the provider must have had the message – and the hand-over then changes nothing. One whose message is not there yet,
//! though its id is young, is kept and looked at again. One that cannot be considered is set aside by itself.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use domain::{Channel, NotificationStatus, SmsReceiptSource, TaskId, Timestamp};
use providers::sms::receipts;
use queue::{Enqueue as _, NewTask, PoisonMessage, TaskContext, TaskOutcome, catch_panic};
use recipients::phone_numbers;
use store::notifications::{Notification, StatusUpdate};
use tracing::{error, info, warn};

use super::{early_receipt_delay, failed, receipt_writer::ReceiptError};
pub use crate::tasks::SmsReceipt;
use crate::{App, cache::tenants, compose, tasks};

/// The longest word that a provider's status or code may be; longer ones are none of theirs.
const LONGEST_WORD: usize = 32;

/// Keeps a receipt. Anybody can send one, so what it says is believed only as far as it is one of the provider's own
/// words: anything else is not kept as it came, for nobody knows what is in it.
pub async fn accept_sms_receipt(
    app: &App,
    by: SmsReceiptSource,
    reference: &str,
    status: &str,
    code: Option<&str>,
) -> Result<(), ReceiptError> {
    let Ok(id) = reference.parse() else {
        let reference = word(reference);
        warn!("{} callback with invalid reference {reference}", by.title());
        return Ok(());
    };
    let receipt = SmsReceipt {
        by,
        id,
        status: word(status).to_owned(),
        code: code.map(|code| word(code).to_owned()),
        at: app.clock.now(),
    };
    app.receipts.sms.commit(receipt).await
}

fn word(text: &str) -> &str {
    let is_word = text.len() <= LONGEST_WORD
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if is_word { text } else { "(unreadable)" }
}

/// Records receipts.
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
    let (mut rest, mut later) = (receipts, Vec::new());
    loop {
        let round;
        (round, rest) = one_of_each(rest);
        let (mut outcomes, mut asides) = (Vec::with_capacity(round.len()), Vec::new());
        for receipt in round {
            match catch_panic(consider(app, task, &receipt)).await {
                Some(Ok(Applied::Changes(outcome))) => outcomes.push(outcome),
                Some(Ok(Applied::ComesLater(delay))) => later.push((receipt, delay)),
                Some(Ok(Applied::Nothing)) => {}
                Some(Err(fault)) if !fault.is_corrupt_row() => return Err(fault),
                Some(Err(fault)) => {
                    asides.push(poison_message(app, task, receipt, &fault.to_string()));
                }
                None => asides.push(poison_message(app, task, receipt, "the program failed")),
            }
        }
        let now = app.clock.now();
        let mut tx = app.write().await?;
        // Telling the service is enqueued here, in this transaction, for every outcome but `pending`, once services
        // are told of outcomes.
        store::notifications::apply(&mut tx, &outcomes, now).await?;
        for aside in &asides {
            aside.dead_letter(&mut tx, now).await?;
        }
        let is_last = rest.is_empty();
        if is_last && task.complete(&mut tx).await? && !later.is_empty() {
            let later = std::mem::take(&mut later);
            tx.enqueue(vec![look_again(app, task, later, now)]).await?;
        }
        tx.commit().await?;
        asides.iter().for_each(PoisonMessage::log);
        if is_last {
            return Ok(());
        }
    }
}

/// A receipt that cannot be considered, as a dead letter of its own. Its id is a function of what it says: heard twice,
/// it is there once.
fn poison_message(app: &App, task: &TaskContext, receipt: SmsReceipt, why: &str) -> PoisonMessage {
    let name = format!(
        "receipt {} {} {:?}",
        receipt.by.as_str(),
        receipt.status,
        receipt.code
    );
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

/// The first receipt about each message, and the others: what a receipt means depends on those before it.
fn one_of_each(receipts: Vec<SmsReceipt>) -> (Vec<SmsReceipt>, Vec<SmsReceipt>) {
    let mut seen = BTreeSet::new();
    receipts
        .into_iter()
        .partition(|receipt| seen.insert(receipt.id))
}

fn look_again(
    app: &App,
    task: &TaskContext,
    later: Vec<(SmsReceipt, Duration)>,
    now: Timestamp,
) -> NewTask {
    let (receipts, delays): (Vec<_>, Vec<_>) = later.into_iter().unzip();
    NewTask {
        attempt: task.leased().attempt + 1,
        ready_at: now.plus(delays.into_iter().max().unwrap_or_default()),
        ..tasks::sms_receipts(TaskId::generate(now, app.random()), receipts, now)
    }
}

/// What a receipt comes to.
enum Applied {
    Changes(StatusUpdate),
    /// Its notification may be committed soon: look again after this long.
    ComesLater(Duration),
    Nothing,
}

async fn consider(
    app: &App,
    task: &TaskContext,
    receipt: &SmsReceipt,
) -> Result<Applied, Arc<store::Error>> {
    let (id, by) = (receipt.id, receipt.by.title());
    let found = store::notifications::find_for_any_service(&mut app.read().await?, id).await?;
    let Some(message) = found.filter(|message| message.channel == Channel::Sms) else {
        if let Some(delay) = early_receipt_delay(app, task, id) {
            return Ok(Applied::ComesLater(delay));
        }
        warn!(notification.id = %id, "{by} callback for a text that is not there: {id}");
        count(receipt, "unknown");
        return Ok(Applied::Nothing);
    };
    let next = meaning(receipt, &message);
    if next == message.status || !message.status.can_transition_to(next) {
        info!(
            notification.id = %id, service.id = %message.service_id,
            "duplicate callback of {by} for {id}: it is {} and would become {next}, {} seconds after it was",
            message.status,
            receipt.at.since(message.updated_at.unwrap_or(receipt.at)).as_secs()
        );
        count(receipt, "duplicate");
        return Ok(Applied::Nothing);
    }
    if !country_reports(&message) {
        count(receipt, "ignored");
        return Ok(Applied::Nothing);
    }
    if receipts::status(receipt.by, &receipt.status).is_none() {
        error!(
            notification.id = %id,
            "{by} callback failed: status {} not found. Look up what it means: the text is now {next}",
            receipt.status
        );
    }
    count(receipt, next.as_str());
    outcome(app, receipt, &message, next)
        .await
        .map(Applied::Changes)
}

/// What the message becomes by it.
fn meaning(receipt: &SmsReceipt, message: &Notification) -> NotificationStatus {
    let said = receipts::status(receipt.by, &receipt.status);
    let sent_by = message.sent_by.as_deref().unwrap_or(receipt.by.as_str());
    receipts::refine(
        said.unwrap_or(NotificationStatus::TechnicalFailure),
        sent_by,
        receipt.code.as_deref(),
        message.status,
    )
}

/// Of messages abroad only those to countries that report delivery are believed.
fn country_reports(message: &Notification) -> bool {
    let prefix = message.phone_prefix.as_deref().unwrap_or_default();
    !message.international || phone_numbers::reports_delivery(prefix)
}

async fn outcome(
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
    // A receipt that overtook the record of its hand-over is the first that we hear of that.
    let is_first_word = message.status == NotificationStatus::Created;
    Ok(StatusUpdate {
        id: message.id,
        status,
        sent_at: is_first_word.then_some(receipt.at),
        sent_by: message.sent_by.is_none().then(|| by.as_str().to_owned()),
        reference: None,
        billable_units: missing_fragments(app, message).await?,
        problem,
    })
}

/// The fragments of a text whose hand-over could not be recorded, so that they were never counted.
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
    fn receipts_of_one_message_are_heard_one_after_the_other() {
        let all = vec![receipt(1, "2"), receipt(2, "0"), receipt(1, "1")];
        let (now, later) = one_of_each(all);
        assert_eq!(now, [receipt(1, "2"), receipt(2, "0")]);
        assert_eq!(later, [receipt(1, "1")]);
    }

    #[test]
    fn what_is_none_of_a_providers_words_is_not_kept() {
        assert_eq!(word("2049"), "2049");
        for strange in ["07700 900123", "a\nb", &"x".repeat(33), "é"] {
            assert_eq!(word(strange), "(unreadable)", "{strange}");
        }
    }
}
