//! Applying receipts, of whichever provider and channel: read what they are about, decide, and write everything in one
//! transaction with the end of the task.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use domain::{Channel, ServiceId, TaskId, Timestamp};
use queue::{Enqueue as _, NewTask, PoisonMessage, TaskContext, TaskOutcome, catch_panic};
use store::{
    Tx,
    complaints::Complaint,
    notifications::{FinalStatus, StatusUpdate},
    suppressions::HashKey,
};
use tracing::info;

use super::{
    failed,
    subject::{Subject, Subjects},
};
use crate::{
    App, callbacks,
    suppression::{self, Actor, NewSuppression},
    tasks::MessageKey,
};

/// A receipt that a task carries.
pub(super) trait Receipt: Clone + Send + Sync {
    /// Returns how the receipt names its message.
    fn key(&self) -> MessageKey;

    /// Returns the receipt in codes. Two receipts with one description about one message are the same.
    fn description(&self) -> String;

    /// Returns a task that applies these receipts.
    fn task(id: TaskId, receipts: Vec<Self>, now: Timestamp) -> NewTask;

    /// Decides what the receipt leads to.
    fn evaluate(
        &self,
        app: &App,
        task: &TaskContext,
        subject: Option<&Subject>,
    ) -> impl Future<Output = Result<Evaluation, Arc<store::Error>>> + Send;
}

/// What a receipt leads to.
pub(super) enum Evaluation {
    Apply(Vec<Effect>),
    /// The notification may be committed soon.
    RetryAfter(Duration),
    Ignore,
}

/// What a receipt changes.
pub(super) enum Effect {
    /// The status of a stored notification.
    Status(StatusUpdate),
    /// The status in a line of history.
    LateStatus(LateStatus),
    /// A complaint is recorded; the status stays.
    Complaint(Complaint),
    /// Nothing more is sent to the recipient.
    Suppress(NewSuppression),
}

/// A status that comes after the notification has become a line of history.
pub(super) struct LateStatus {
    pub(super) update: StatusUpdate,
    pub(super) service_id: ServiceId,
    pub(super) channel: Channel,
}

pub(super) fn late_status(update: StatusUpdate, message: &Subject) -> LateStatus {
    LateStatus {
        update,
        service_id: message.service_id,
        channel: message.channel,
    }
}

/// Applies receipts, and completes their task.
pub(super) async fn process<R: Receipt>(
    app: &App,
    task: &TaskContext,
    receipts: Vec<R>,
) -> TaskOutcome {
    match try_process(app, task, receipts).await {
        Ok(()) => TaskOutcome::Completed,
        Err(fault) => failed(app, task, &fault),
    }
}

async fn try_process<R: Receipt>(
    app: &App,
    task: &TaskContext,
    receipts: Vec<R>,
) -> Result<(), Arc<store::Error>> {
    let (mut rest, mut early) = (receipts, Vec::new());
    loop {
        // What a receipt means depends on the status before it, so each round has one for each notification.
        let round;
        (round, rest) = first_per_message(rest);
        let mut decided = evaluate_all(app, task, round).await?;
        early.append(&mut decided.early);
        // Before the transaction begins: the first call of an installation writes the key.
        let key = suppression::hash_key(app).await?;
        let now = app.clock.now();
        let mut tx = app.write().await?;
        let pools = decided.write(app, &mut tx, key, now).await?;
        let is_last = rest.is_empty();
        if is_last && task.complete(&mut tx).await? && !early.is_empty() {
            let early = std::mem::take(&mut early);
            tx.enqueue(vec![retry_task(app, task, early, now)]).await?;
        }
        app.commit_and_notify(tx, &pools).await?;
        decided.poisoned.iter().for_each(PoisonMessage::log);
        if is_last {
            return Ok(());
        }
    }
}

/// What the receipts of one round come to.
struct Decided<R> {
    statuses: Vec<StatusUpdate>,
    late_statuses: Vec<LateStatus>,
    complaints: Vec<Complaint>,
    suppressions: Vec<NewSuppression>,
    early: Vec<(R, Duration)>,
    poisoned: Vec<PoisonMessage>,
}

impl<R> Decided<R> {
    fn add(&mut self, effect: Effect) {
        match effect {
            Effect::Status(update) => self.statuses.push(update),
            Effect::LateStatus(late) => self.late_statuses.push(late),
            Effect::Complaint(complaint) => self.complaints.push(complaint),
            Effect::Suppress(new) => self.suppressions.push(new),
        }
    }

    async fn write(
        &self,
        app: &App,
        tx: &mut Tx,
        key: &HashKey,
        now: Timestamp,
    ) -> Result<Vec<&'static str>, store::Error> {
        let applied = callbacks::apply_updates(app, tx, &self.statuses, now).await?;
        let late_pools = self.write_late(app, tx, now).await?;
        let mut new_complaints = Vec::new();
        for complaint in &self.complaints {
            if store::complaints::insert(tx, app.store.keyring(), complaint).await? {
                new_complaints.push((complaint.service_id, complaint.id));
            } else {
                info!(
                    notification.id = %complaint.notification_id,
                    "duplicate complaint about {}", complaint.notification_id
                );
            }
        }
        let complaint_pools = if new_complaints.is_empty() {
            &[][..]
        } else {
            callbacks::enqueue_complaints(app, tx, &new_complaints, now).await?
        };
        for new in &self.suppressions {
            suppression::insert(app, tx, key, new, Actor::Receipt, now).await?;
        }
        for message in &self.poisoned {
            message.dead_letter(tx, now).await?;
        }
        Ok([applied.pools, late_pools, complaint_pools].concat())
    }

    async fn write_late(
        &self,
        app: &App,
        tx: &mut Tx,
        now: Timestamp,
    ) -> Result<&'static [&'static str], store::Error> {
        if self.late_statuses.is_empty() {
            return Ok(&[]);
        }
        let updates = self.late_statuses.iter().map(|late| &late.update);
        let changed = store::history::apply(tx, updates, now).await?;
        let mut finals = Vec::new();
        for late in &self.late_statuses {
            let LateStatus {
                update,
                service_id,
                channel,
            } = late;
            if changed.contains(&update.id) {
                info!(
                    notification.id = %update.id, service.id = %service_id,
                    "a late receipt made {} {} in the history: the notification was deleted", update.id, update.status
                );
                finals.push(FinalStatus {
                    id: update.id,
                    service_id: *service_id,
                    channel: *channel,
                    status: update.status,
                    at: now,
                    sent_at: None,
                });
            }
        }
        callbacks::enqueue_finals(app, tx, &finals, now).await
    }
}

async fn evaluate_all<R: Receipt>(
    app: &App,
    task: &TaskContext,
    round: Vec<R>,
) -> Result<Decided<R>, Arc<store::Error>> {
    let mut decided = Decided {
        statuses: Vec::with_capacity(round.len()),
        late_statuses: Vec::new(),
        complaints: Vec::new(),
        suppressions: Vec::new(),
        early: Vec::new(),
        poisoned: Vec::new(),
    };
    let all = read_subjects(app, &round).await;
    for receipt in round {
        let evaluation = match &all {
            Ok(subjects) => {
                let subject = subjects.find(&receipt.key());
                catch_panic(receipt.evaluate(app, task, subject)).await
            }
            // A row among them is corrupt: each is read alone, so that the others are applied.
            Err(fault) if fault.is_corrupt_row() => {
                catch_panic(evaluate_alone(app, task, &receipt)).await
            }
            Err(fault) => return Err(fault.clone()),
        };
        match evaluation {
            Some(Ok(Evaluation::Apply(effects))) => {
                for effect in effects {
                    decided.add(effect);
                }
            }
            Some(Ok(Evaluation::RetryAfter(delay))) => decided.early.push((receipt, delay)),
            Some(Ok(Evaluation::Ignore)) => {}
            Some(Err(fault)) if !fault.is_corrupt_row() => return Err(fault),
            Some(Err(fault)) => {
                let poisoned = poison_message(app, task, receipt, &fault.to_string());
                decided.poisoned.push(poisoned);
            }
            None => {
                let poisoned = poison_message(app, task, receipt, "the program failed");
                decided.poisoned.push(poisoned);
            }
        }
    }
    Ok(decided)
}

async fn read_subjects<R: Receipt>(
    app: &App,
    receipts: &[R],
) -> Result<Subjects, Arc<store::Error>> {
    let keys: Vec<MessageKey> = receipts.iter().map(Receipt::key).collect();
    let keys: Vec<&MessageKey> = keys.iter().collect();
    let mut session = app.read().await?;
    Ok(Subjects::read(&mut session, &keys).await?)
}

async fn evaluate_alone<R: Receipt>(
    app: &App,
    task: &TaskContext,
    receipt: &R,
) -> Result<Evaluation, Arc<store::Error>> {
    let subjects = read_subjects(app, std::slice::from_ref(receipt)).await?;
    let subject = subjects.find(&receipt.key());
    receipt.evaluate(app, task, subject).await
}

/// Returns a receipt that cannot be applied as a poison message.
fn poison_message<R: Receipt>(
    app: &App,
    task: &TaskContext,
    receipt: R,
    why: &str,
) -> PoisonMessage {
    let (message, space) = match receipt.key() {
        MessageKey::Id(id) => (id.to_string(), id.as_uuid()),
        MessageKey::Reference(reference) => {
            let space = uuid::Uuid::new_v5(&uuid::Uuid::nil(), reference.as_bytes());
            (reference, space)
        }
    };
    let name = format!("receipt {}", receipt.description());
    // A function of the content, so that a receipt that is sent twice is one dead letter.
    let id = uuid::Uuid::new_v5(&space, name.as_bytes());
    PoisonMessage {
        task: NewTask {
            attempt: task.leased().attempt,
            ..R::task(id.into(), vec![receipt], app.clock.now())
        },
        why: format!("a receipt about message {message} cannot be recorded: {why}"),
    }
}

/// Splits off the first receipt of each message.
fn first_per_message<R: Receipt>(receipts: Vec<R>) -> (Vec<R>, Vec<R>) {
    let mut seen = BTreeSet::new();
    receipts
        .into_iter()
        .partition(|receipt| seen.insert(receipt.key()))
}

fn retry_task<R: Receipt>(
    app: &App,
    task: &TaskContext,
    early: Vec<(R, Duration)>,
    now: Timestamp,
) -> NewTask {
    let (receipts, delays): (Vec<_>, Vec<_>) = early.into_iter().unzip();
    NewTask {
        attempt: task.leased().attempt + 1,
        ready_at: now.plus(delays.into_iter().max().unwrap_or_default()),
        ..R::task(TaskId::generate(now, app.random()), receipts, now)
    }
}

#[cfg(test)]
mod tests {
    use domain::SmsReceiptSource;

    use super::*;
    use crate::tasks::SmsReceipt;

    fn receipt(id: u128, status: &str) -> SmsReceipt {
        SmsReceipt {
            by: SmsReceiptSource::Firetext,
            provider: None,
            id: uuid::Uuid::from_u128(id).into(),
            status: status.to_owned(),
            code: None,
            at: Timestamp::default(),
        }
    }

    #[test]
    fn receipts_of_one_notification_are_applied_in_order() {
        let all = vec![receipt(1, "2"), receipt(2, "0"), receipt(1, "1")];
        let (now, later) = first_per_message(all);
        assert_eq!(now, [receipt(1, "2"), receipt(2, "0")]);
        assert_eq!(later, [receipt(1, "1")]);
    }
}
