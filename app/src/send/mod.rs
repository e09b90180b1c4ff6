//! Handing messages over: a batch at a time, in three breaths – read what still waits, speak to the provider, write
//! what became of it. Nothing is held open while the provider is spoken to.
//!
//! Outcomes are committed as they come, all that wait in one commit, so that what a crash can repeat is only what was
//! answered since the last commit began: the one honest window (`ARCHITECTURE.md` "Invariants", 6). The last of them are
//! committed together with the end of the task and the smaller tasks that carry on: what must be retried, with its delay, and
//! what a slow provider left over when the batch had used its time.
//!
//! A message that makes the program fail takes no other with it: it is set aside by itself.

mod email;
mod in_flight;
mod letter;
pub(crate) mod poison;
pub(crate) mod provider_selection;
mod sms;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use domain::{Channel, NotificationId, NotificationStatus, TaskId, Timestamp};
use futures::StreamExt as _;
use queue::{Enqueue as _, NewTask, PoisonMessage, TaskContext, TaskOutcome, catch_panic};
use store::{
    Tx,
    notifications::{Notification, StatusUpdate},
};
use tokio::sync::mpsc;
use tracing::{error, info, warn};

pub(crate) use in_flight::InFlightNotifications;
use poison::FailedPhase;

use crate::{App, Tenant, cache::tenants, receipts, tasks};

/// How often a message is tried again (`docs/spec/workers.md` §7.1): four hours in all.
const MAX_RETRIES: u32 = 48;
/// How long between two tries.
const RETRY_DELAY: Duration = Duration::from_mins(5);
/// How long a provider may make a message wait at most, whatever it asks for.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(24);
/// How long a batch holds its worker: what is left then waits for its service's next turn.
const MAX_BATCH_TIME: Duration = Duration::from_secs(1);
/// When to look again at messages that another worker has in hand.
const IN_FLIGHT_ELSEWHERE_DELAY: Duration = Duration::from_secs(30);
/// How long to wait when the store does not answer.
const STORE_DELAY: Duration = Duration::from_secs(5);

/// What became of one attempt to hand a message over.
#[derive(Debug)]
enum SendResult {
    /// It is over, one way or the other.
    Final(StatusUpdate),
    /// It is to be tried again.
    Retry {
        id: NotificationId,
        after: Duration,
        why: String,
    },
    /// There is nothing to hand over, or nothing more to record.
    Noop,
    /// It was not tried: the batch has used its time.
    NotStarted(NotificationId),
    /// It was not tried: the lease is lost, and another worker has the batch.
    LeaseLost,
    /// The program failed.
    Panicked(NotificationId, FailedPhase),
}

/// Hands over those messages of a batch that still wait.
pub(crate) async fn send_batch(
    app: &App,
    task: &TaskContext,
    channel: Channel,
    ids: &[NotificationId],
) -> TaskOutcome {
    match try_send_batch(app, task, channel, ids).await {
        Ok(BatchEnd::Finished) => TaskOutcome::Completed,
        // Whoever has the batch now goes on with it; if nobody has taken it over yet, it is put back.
        Ok(BatchEnd::LeaseLost) => TaskOutcome::Snooze(app.clock.now()),
        Err(fault) => {
            warn!(
                error = &fault as &dyn std::error::Error,
                "cannot deliver a batch, will try again"
            );
            TaskOutcome::Snooze(app.clock.now().plus(STORE_DELAY))
        }
    }
}

/// How the work on a batch came to its end.
enum BatchEnd {
    /// Every message is settled, or is in a task that carries on.
    Finished,
    /// The lease ran out in the middle: the rest of the batch is still in its task.
    LeaseLost,
}

async fn try_send_batch(
    app: &App,
    task: &TaskContext,
    channel: Channel,
    ids: &[NotificationId],
) -> Result<BatchEnd, SendBatchError> {
    // In this order: what another worker has settled meanwhile does not wait any more.
    let (claim, elsewhere) = app.in_flight_notifications.claim(ids);
    let waiting = match catch_panic(list_unsent(app, channel, &claim.ids)).await {
        Some(Ok(waiting)) => waiting,
        Some(Err(fault)) if !fault.is_corrupt_row() => return Err(fault.into()),
        Some(Err(fault)) => return split_batch(app, task, channel, ids, &fault.to_string()).await,
        None => return split_batch(app, task, channel, ids, "the program failed").await,
    };
    if waiting.is_empty() && elsewhere.is_empty() {
        return Ok(BatchEnd::Finished);
    }
    let tenant = tenants::find(app, task.leased().service_id)
        .await?
        .ok_or(SendBatchError::NoService)?;
    if !tenant.service.active {
        fail_all(app, task, &waiting, &tenant).await?;
        return Ok(BatchEnd::Finished);
    }
    let batch = Batch {
        app,
        task,
        tenant: &tenant,
        channel,
        started: app.clock.now(),
        elsewhere,
        attempted: Mutex::default(),
    };
    let (steps, taken) = mpsc::unbounded_channel();
    let (recorded, ()) = futures::join!(batch.record(taken), batch.send_all(waiting, steps));
    recorded
}

async fn list_unsent(
    app: &App,
    channel: Channel,
    ids: &[NotificationId],
) -> Result<Vec<Notification>, store::Error> {
    let mut session = app.read().await?;
    let mut waiting = match channel {
        Channel::Letter => store::notifications::list_created_letters(&mut session, ids).await?,
        Channel::Email | Channel::Sms => {
            store::notifications::list_created(&mut session, ids).await?
        }
    };
    let aside =
        poison::list_poisoned(&mut session, waiting.iter().map(|message| message.id)).await?;
    waiting.retain(|message| !aside.contains(&message.id));
    Ok(waiting)
}

/// One message cannot be read, and which is not known: each gets a task of its own. Of a task with one message it is
/// known.
async fn split_batch(
    app: &App,
    task: &TaskContext,
    channel: Channel,
    ids: &[NotificationId],
    why: &str,
) -> Result<BatchEnd, SendBatchError> {
    let now = app.clock.now();
    let mut tx = app.write().await?;
    if let [id] = ids {
        let aside = poison::poison_message(
            task,
            channel,
            *id,
            &FailedPhase::Reading(why.to_owned()),
            now,
        );
        // It goes first: the task may be the one that the dead letter is about.
        task.complete(&mut tx).await?;
        aside.dead_letter(&mut tx, now).await?;
        tx.commit().await?;
        aside.log();
        return Ok(BatchEnd::Finished);
    }
    warn!(
        "one of {} messages cannot be read: each is looked at alone ({why})",
        ids.len()
    );
    if task.complete(&mut tx).await? {
        let each = ids
            .iter()
            .map(|id| poison::single_notification_task(task, channel, *id, now));
        tx.enqueue(each.collect()).await?;
    }
    app.commit_and_notify(tx, &[tasks::delivery_pool(channel)])
        .await?;
    Ok(BatchEnd::Finished)
}

#[derive(Debug, thiserror::Error)]
enum SendBatchError {
    #[error("the store failed")]
    Store(#[from] store::Error),
    #[error("the store failed")]
    Cached(#[from] Arc<store::Error>),
    #[error("there is no such service any more")]
    NoService,
}

/// A service that was switched off sends nothing more, and is not tried again (`docs/spec/workers.md` §7.1 Build, F12).
async fn fail_all(
    app: &App,
    task: &TaskContext,
    waiting: &[Notification],
    tenant: &Tenant,
) -> Result<(), SendBatchError> {
    let service = tenant.service.id;
    let outcomes: Vec<StatusUpdate> = waiting
        .iter()
        .map(|message| {
            failed_outcome(
                message.id,
                NotificationStatus::TechnicalFailure,
                format!("service {service} is inactive"),
            )
        })
        .collect();
    let mut tx = app.write().await?;
    store::notifications::apply(&mut tx, &outcomes, app.clock.now()).await?;
    task.complete(&mut tx).await?;
    tx.commit().await?;
    error!(
        service.id = %service,
        "sending of {} messages to a provider is not allowed: service {service} is inactive", outcomes.len()
    );
    Ok(())
}

struct Batch<'a> {
    app: &'a App,
    task: &'a TaskContext,
    tenant: &'a Tenant,
    channel: Channel,
    started: Timestamp,
    /// Messages of the batch that another worker has in hand.
    elsewhere: Vec<NotificationId>,
    /// Messages that a provider was asked to take.
    attempted: Mutex<BTreeSet<NotificationId>>,
}

impl Batch<'_> {
    /// Hands over every message, as many at once as the provider can use.
    async fn send_all(&self, waiting: Vec<Notification>, steps: mpsc::UnboundedSender<SendResult>) {
        let at_once = match self.channel {
            Channel::Email => email::max_concurrency(self.app),
            Channel::Sms => sms::max_concurrency(self.app),
            Channel::Letter => letter::max_concurrency(self.app),
        };
        futures::stream::iter(waiting)
            .map(|message| self.send_catching_panics(message))
            .buffer_unordered(at_once.max(1))
            .for_each(|step| {
                // The other end goes away only when it could not record; then nothing more is to be said.
                let _ = steps.send(step);
                std::future::ready(())
            })
            .await;
    }

    /// A message that makes the program fail is set aside, and the others go on.
    async fn send_catching_panics(&self, message: Notification) -> SendResult {
        let id = message.id;
        let step = catch_panic(self.send_one(message)).await;
        step.unwrap_or_else(|| {
            let asked = self.attempted.lock().expect("no one panics holding it");
            SendResult::Panicked(
                id,
                if asked.contains(&id) {
                    FailedPhase::HandingOver
                } else {
                    FailedPhase::Preparing
                },
            )
        })
    }

    async fn send_one(&self, message: Notification) -> SendResult {
        let now = self.app.clock.now();
        if !self.task.holds_lease(now) {
            return SendResult::LeaseLost;
        }
        if now.since(self.started) > MAX_BATCH_TIME || self.task.is_stopping() {
            return SendResult::NotStarted(message.id);
        }
        let attempt = self.task.leased().attempt;
        let step = match self.channel {
            Channel::Email => email::send(self, &message, now).await,
            Channel::Sms => sms::send(self, &message, now, attempt).await,
            Channel::Letter => letter::send(self, &message, now).await,
        };
        match step {
            SendResult::Retry { id, why, .. } if attempt >= MAX_RETRIES => {
                error!(
                    notification.id = %id,
                    "RETRY FAILED: Max retries reached. The task send_{}_to_provider failed for notification {id}. \
                     Notification has been updated to technical-failure", self.channel
                );
                SendResult::Final(failed_outcome(
                    id,
                    NotificationStatus::TechnicalFailure,
                    why,
                ))
            }
            step => step,
        }
    }

    /// Whether the batch is still ours, so that a provider may be asked to take this message: said right before it is,
    /// for making a message ready may have taken longer than the lease.
    fn begin_attempt(&self, id: NotificationId) -> bool {
        let is_ours = self.task.holds_lease(self.app.clock.now());
        if is_ours {
            let mut asked = self.attempted.lock().expect("no one panics holding it");
            asked.insert(id);
        }
        is_ours
    }

    /// Commits outcomes as they come; the last with the end of the task and the tasks that carry on.
    async fn record(
        &self,
        mut steps: mpsc::UnboundedReceiver<SendResult>,
    ) -> Result<BatchEnd, SendBatchError> {
        let (mut news, mut rest) = (PendingWrites::default(), Remaining::default());
        rest.elsewhere.clone_from(&self.elsewhere);
        loop {
            let mut came = Vec::new();
            let none_left = steps.recv_many(&mut came, 256).await == 0;
            for step in came {
                match step {
                    SendResult::Final(outcome) => news.outcomes.push(outcome),
                    SendResult::Retry { id, after, why } => rest.retry(id, after, why),
                    SendResult::Noop => {}
                    SendResult::NotStarted(id) => rest.not_started.push(id),
                    SendResult::LeaseLost => rest.lease_lost = true,
                    SendResult::Panicked(id, doing) => news.poisoned.push(poison::poison_message(
                        self.task,
                        self.channel,
                        id,
                        &doing,
                        self.app.clock.now(),
                    )),
                }
            }
            if none_left || (steps.is_closed() && steps.is_empty()) {
                break;
            }
            if !news.is_empty() {
                self.commit(std::mem::take(&mut news)).await?;
            }
        }
        self.end(news, rest).await
    }

    async fn commit(&self, news: PendingWrites) -> Result<(), store::Error> {
        let mut tx = self.app.write().await?;
        let pools = self.write(&mut tx, &news).await?;
        self.app.commit_and_notify(tx, &pools).await?;
        news.log_and_count(self.channel);
        Ok(())
    }

    /// News, with the tasks that they make necessary; the pools that take these.
    async fn write(
        &self,
        tx: &mut Tx,
        news: &PendingWrites,
    ) -> Result<Vec<&'static str>, store::Error> {
        let now = self.app.clock.now();
        for aside in &news.poisoned {
            aside.dead_letter(tx, now).await?;
        }
        store::notifications::apply(tx, &news.outcomes, now).await?;
        let pretended: Vec<NotificationId> =
            receipts::awaiting_simulated_receipt(&news.outcomes).collect();
        if pretended.is_empty() {
            return Ok(Vec::new());
        }
        let id = TaskId::generate(now, self.app.random());
        let task = tasks::simulated_receipts(id, self.tenant.service.id, &pretended, now);
        let pool = task.pool;
        tx.enqueue(vec![task]).await?;
        Ok(vec![pool])
    }

    async fn end(&self, news: PendingWrites, rest: Remaining) -> Result<BatchEnd, SendBatchError> {
        rest.log();
        if rest.lease_lost {
            // The task is not ended, even if nobody has taken it over yet: what was not tried is in it and nowhere else.
            self.commit(news).await?;
            return Ok(BatchEnd::LeaseLost);
        }
        let carry_on = rest.tasks(self.app, self.task, self.channel, self.app.clock.now());
        let mut tx = self.app.write().await?;
        let mut pools = self.write(&mut tx, &news).await?;
        // Where the lease was lost the other worker carries the batch on; these tasks would only do it again.
        if self.task.complete(&mut tx).await? {
            pools.extend(carry_on.iter().map(|task| task.pool));
            tx.enqueue(carry_on).await?;
        }
        self.app.commit_and_notify(tx, &pools).await?;
        news.log_and_count(self.channel);
        Ok(BatchEnd::Finished)
    }
}

/// What is to be recorded with the next commit.
#[derive(Debug, Default)]
struct PendingWrites {
    outcomes: Vec<StatusUpdate>,
    /// Messages that made the program fail.
    poisoned: Vec<PoisonMessage>,
}

impl PendingWrites {
    const fn is_empty(&self) -> bool {
        self.outcomes.is_empty() && self.poisoned.is_empty()
    }

    /// Counts it, and says what somebody must look at.
    fn log_and_count(&self, channel: Channel) {
        count(channel, &self.outcomes);
        self.poisoned.iter().for_each(PoisonMessage::log);
    }
}

fn count(channel: Channel, outcomes: &[StatusUpdate]) {
    for outcome in outcomes {
        let provider = outcome.sent_by.clone().unwrap_or_else(|| "none".to_owned());
        metrics::counter!(
            "pillarbox_notifications_handed_over_total",
            "channel" => channel.as_str(), "provider" => provider, "status" => outcome.status.as_str()
        )
        .increment(1);
    }
}

/// What a batch did not settle.
#[derive(Debug, Default)]
struct Remaining {
    retries: BTreeMap<Duration, Vec<NotificationId>>,
    reasons: BTreeMap<String, u32>,
    not_started: Vec<NotificationId>,
    elsewhere: Vec<NotificationId>,
    lease_lost: bool,
}

impl Remaining {
    fn retry(&mut self, id: NotificationId, after: Duration, why: String) {
        self.retries.entry(after).or_default().push(id);
        *self.reasons.entry(why).or_default() += 1;
    }

    fn log(&self) {
        for (why, count) in &self.reasons {
            warn!("could not hand over {count} messages, will try again: {why}");
        }
        if !self.not_started.is_empty() {
            info!(
                "{} messages wait for the next turn of their service",
                self.not_started.len()
            );
        }
        if self.lease_lost {
            warn!("stopped in the middle of a batch: the lease was lost");
        }
    }

    fn tasks(
        &self,
        app: &App,
        task: &TaskContext,
        channel: Channel,
        now: Timestamp,
    ) -> Vec<NewTask> {
        let taken = task.leased();
        let carry_on = |ids: &[NotificationId], after: Duration, attempt: u32| NewTask {
            attempt,
            ready_at: now.plus(after),
            ..tasks::deliver(
                TaskId::generate(now, app.random()),
                taken.service_id,
                channel,
                taken.lane,
                ids,
                now,
            )
        };
        let again = self
            .retries
            .iter()
            .map(|(after, ids)| carry_on(ids, *after, taken.attempt + 1));
        let left = (!self.not_started.is_empty())
            .then(|| carry_on(&self.not_started, Duration::ZERO, taken.attempt));
        // If the other worker dies with them, somebody has to look at them.
        let elsewhere = (!self.elsewhere.is_empty())
            .then(|| carry_on(&self.elsewhere, IN_FLIGHT_ELSEWHERE_DELAY, taken.attempt));
        again.chain(left).chain(elsewhere).collect()
    }
}

/// A message that a provider took. Where nobody will report, that is the last we hear, and it counts as delivered
/// (docs/decisions/acceptance-is-the-last-we-hear.md).
fn accepted_outcome(
    message: &Notification,
    provider: &str,
    reports_delivery: bool,
    reference: Option<String>,
    now: Timestamp,
) -> StatusUpdate {
    let status = match (message.international, reports_delivery) {
        (true, _) => NotificationStatus::Sent,
        (false, true) => NotificationStatus::Sending,
        (false, false) => NotificationStatus::Delivered,
    };
    StatusUpdate {
        id: message.id,
        status,
        sent_at: Some(now),
        sent_by: Some(provider.to_owned()),
        reference,
        billable_units: None,
        problem: None,
    }
}

fn failed_outcome(id: NotificationId, status: NotificationStatus, why: String) -> StatusUpdate {
    StatusUpdate {
        id,
        status,
        sent_at: None,
        sent_by: None,
        reference: None,
        billable_units: None,
        problem: Some(why),
    }
}

/// What a provider's no means for a message.
fn error_outcome(
    message: &Notification,
    error: &providers::SendError,
    first_delay: Duration,
) -> SendResult {
    use providers::{RejectReason, SendError};
    let id = message.id;
    match error {
        SendError::Rejected {
            reason: RejectReason::Recipient,
            detail,
        } => SendResult::Final(failed_outcome(
            id,
            NotificationStatus::PermanentFailure,
            detail.to_string(),
        )),
        SendError::Rejected {
            reason: RejectReason::Message,
            detail,
        } => SendResult::Final(failed_outcome(
            id,
            NotificationStatus::TechnicalFailure,
            detail.to_string(),
        )),
        SendError::Throttled { retry_after, .. } => SendResult::Retry {
            id,
            after: capped_retry_after(*retry_after),
            why: error.to_string(),
        },
        SendError::Unavailable { .. } => SendResult::Retry {
            id,
            after: first_delay,
            why: error.to_string(),
        },
        // The provider may have it: not at once, so that a receipt can come first.
        SendError::Unknown { .. } => SendResult::Retry {
            id,
            after: RETRY_DELAY,
            why: error.to_string(),
        },
    }
}

fn capped_retry_after(retry_after: Option<Duration>) -> Duration {
    retry_after.unwrap_or(RETRY_DELAY).min(MAX_RETRY_AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_that_asks_for_an_absurd_wait_does_not_get_it() {
        let for_ever = Duration::from_secs(u64::MAX);
        assert_eq!(capped_retry_after(Some(for_ever)), MAX_RETRY_AFTER);
        assert_eq!(
            capped_retry_after(Some(Duration::from_secs(7))).as_secs(),
            7
        );
        assert_eq!(capped_retry_after(None), RETRY_DELAY);
    }
}
