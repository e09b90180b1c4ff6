//! Handing messages over: a batch at a time, in three breaths – read what still waits, speak to the provider, write
//! what became of it. Nothing is held open while the provider is spoken to.
//!
//! Outcomes are committed as they come, all that wait in one commit, so that what a crash can repeat is only what was
//! answered since the last commit began: the one honest window (`ARCHITECTURE.md` "Invariants", 6). The last of them are
//! committed together with the end of the task and the smaller tasks that carry on: what must be retried, with its delay, and
//! what a slow provider left over when the batch had used its time.
//!
//! A message that makes the program fail takes no other with it: it is set aside by itself.

pub(crate) mod aside;
mod email;
mod in_hand;
mod letter;
pub(crate) mod sms;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use domain::{Channel, NotificationId, NotificationStatus, TaskId, Timestamp};
use futures::StreamExt as _;
use queue::{Aside, Enqueue as _, NewTask, Task, Verdict, caught};
use store::{
    Tx,
    notifications::{Notification, Outcome},
};
use tokio::sync::mpsc;
use tracing::{error, info, warn};

use aside::Doing;
pub(crate) use in_hand::InHand;

use crate::{App, Tenant, receipts, tasks, tenants};

/// How often a message is tried again (`docs/spec/workers.md` §7.1): four hours in all.
const MAX_RETRIES: u32 = 48;
/// How long between two tries.
const RETRY_DELAY: Duration = Duration::from_mins(5);
/// How long a provider may make a message wait at most, whatever it asks for.
const LONGEST_WAIT: Duration = Duration::from_hours(24);
/// How long a batch holds its worker: what is left then waits for its service's next turn.
const SLICE: Duration = Duration::from_secs(1);
/// When to look again at messages that another worker has in hand.
const ELSEWHERE_DELAY: Duration = Duration::from_secs(30);
/// How long to wait when the store does not answer.
const STORE_DELAY: Duration = Duration::from_secs(5);

/// What became of one attempt to hand a message over.
#[derive(Debug)]
enum Step {
    /// It is over, one way or the other.
    Settled(Outcome),
    /// It is to be tried again.
    Again {
        id: NotificationId,
        after: Duration,
        why: String,
    },
    /// There is nothing to hand over, or nothing more to record.
    Over,
    /// It was not tried: the batch has used its time.
    Left(NotificationId),
    /// It was not tried: the lease is lost, and another worker has the batch.
    Abandoned,
    /// The program failed.
    Failed(NotificationId, Doing),
}

/// Hands over those messages of a batch that still wait.
pub(crate) async fn deliver(
    app: &App,
    task: &Task,
    channel: Channel,
    ids: &[NotificationId],
) -> Verdict {
    match try_deliver(app, task, channel, ids).await {
        Ok(End::Reached) => Verdict::Done,
        // Whoever has the batch now goes on with it; if nobody has taken it over yet, it is put back.
        Ok(End::Abandoned) => Verdict::RetryAt(app.clock.now()),
        Err(fault) => {
            warn!(
                error = &fault as &dyn std::error::Error,
                "cannot deliver a batch, will try again"
            );
            Verdict::RetryAt(app.clock.now().plus(STORE_DELAY))
        }
    }
}

/// How the work on a batch came to its end.
enum End {
    /// Every message is settled, or is in a task that carries on.
    Reached,
    /// The lease ran out in the middle: the rest of the batch is still in its task.
    Abandoned,
}

async fn try_deliver(
    app: &App,
    task: &Task,
    channel: Channel,
    ids: &[NotificationId],
) -> Result<End, DeliverError> {
    // In this order: what another worker has settled meanwhile does not wait any more.
    let (claim, elsewhere) = app.in_hand.claim(ids);
    let waiting = match caught(still_waiting(app, channel, &claim.ids)).await {
        Some(Ok(waiting)) => waiting,
        Some(Err(fault)) if !fault.is_of_one_row() => return Err(fault.into()),
        Some(Err(fault)) => return take_apart(app, task, channel, ids, &fault.to_string()).await,
        None => return take_apart(app, task, channel, ids, "the program failed").await,
    };
    if waiting.is_empty() && elsewhere.is_empty() {
        return Ok(End::Reached);
    }
    let tenant = tenants::find(app, task.taken().service_id)
        .await?
        .ok_or(DeliverError::NoService)?;
    if !tenant.service.active {
        refuse_all(app, task, &waiting, &tenant).await?;
        return Ok(End::Reached);
    }
    let batch = Batch {
        app,
        task,
        tenant: &tenant,
        channel,
        started: app.clock.now(),
        elsewhere,
        asked: Mutex::default(),
    };
    let (steps, taken) = mpsc::unbounded_channel();
    let (recorded, ()) = futures::join!(batch.record(taken), batch.hand_over_all(waiting, steps));
    recorded
}

async fn still_waiting(
    app: &App,
    channel: Channel,
    ids: &[NotificationId],
) -> Result<Vec<Notification>, store::Error> {
    let mut session = app.read().await?;
    let mut waiting = match channel {
        Channel::Letter => store::notifications::list_letters_waiting(&mut session, ids).await?,
        Channel::Email | Channel::Sms => {
            store::notifications::list_waiting(&mut session, ids).await?
        }
    };
    let aside = aside::list_aside(&mut session, waiting.iter().map(|message| message.id)).await?;
    waiting.retain(|message| !aside.contains(&message.id));
    Ok(waiting)
}

/// One message cannot be read, and which is not known: each gets a task of its own. Of a task with one message it is
/// known.
async fn take_apart(
    app: &App,
    task: &Task,
    channel: Channel,
    ids: &[NotificationId],
    why: &str,
) -> Result<End, DeliverError> {
    let now = app.clock.now();
    let mut tx = app.write().await?;
    if let [id] = ids {
        let aside = aside::aside(task, channel, *id, &Doing::Reading(why.to_owned()), now);
        // It goes first: the task may be the one that the dead letter is about.
        task.end(&mut tx).await?;
        aside.bury(&mut tx, now).await?;
        tx.commit().await?;
        aside.tell();
        return Ok(End::Reached);
    }
    warn!(
        "one of {} messages cannot be read: each is looked at alone ({why})",
        ids.len()
    );
    if task.end(&mut tx).await? {
        let each = ids.iter().map(|id| aside::alone(task, channel, *id, now));
        tx.enqueue(each.collect()).await?;
    }
    app.commit_and_wake(tx, &[tasks::delivery_pool(channel)])
        .await?;
    Ok(End::Reached)
}

#[derive(Debug, thiserror::Error)]
enum DeliverError {
    #[error("the store failed")]
    Store(#[from] store::Error),
    #[error("the store failed")]
    Cached(#[from] Arc<store::Error>),
    #[error("there is no such service any more")]
    NoService,
}

/// A service that was switched off sends nothing more, and is not tried again (`docs/spec/workers.md` §7.1 Build, F12).
async fn refuse_all(
    app: &App,
    task: &Task,
    waiting: &[Notification],
    tenant: &Tenant,
) -> Result<(), DeliverError> {
    let service = tenant.service.id;
    let outcomes: Vec<Outcome> = waiting
        .iter()
        .map(|message| {
            failed(
                message.id,
                NotificationStatus::TechnicalFailure,
                format!("service {service} is inactive"),
            )
        })
        .collect();
    let mut tx = app.write().await?;
    store::notifications::record(&mut tx, &outcomes, app.clock.now()).await?;
    task.end(&mut tx).await?;
    tx.commit().await?;
    error!(
        service.id = %service,
        "sending of {} messages to a provider is not allowed: service {service} is inactive", outcomes.len()
    );
    Ok(())
}

struct Batch<'a> {
    app: &'a App,
    task: &'a Task,
    tenant: &'a Tenant,
    channel: Channel,
    started: Timestamp,
    /// Messages of the batch that another worker has in hand.
    elsewhere: Vec<NotificationId>,
    /// Messages that a provider was asked to take.
    asked: Mutex<BTreeSet<NotificationId>>,
}

impl Batch<'_> {
    /// Hands over every message, as many at once as the provider can use.
    async fn hand_over_all(&self, waiting: Vec<Notification>, steps: mpsc::UnboundedSender<Step>) {
        let at_once = match self.channel {
            Channel::Email => email::at_once(self.app),
            Channel::Sms => sms::at_once(self.app),
            Channel::Letter => letter::at_once(self.app),
        };
        futures::stream::iter(waiting)
            .map(|message| self.hand_over_safely(message))
            .buffer_unordered(at_once.max(1))
            .for_each(|step| {
                // The other end goes away only when it could not record; then nothing more is to be said.
                let _ = steps.send(step);
                std::future::ready(())
            })
            .await;
    }

    /// A message that makes the program fail is set aside, and the others go on.
    async fn hand_over_safely(&self, message: Notification) -> Step {
        let id = message.id;
        let step = caught(self.hand_over(message)).await;
        step.unwrap_or_else(|| {
            let asked = self.asked.lock().expect("no one panics holding it");
            Step::Failed(
                id,
                if asked.contains(&id) {
                    Doing::HandingOver
                } else {
                    Doing::Preparing
                },
            )
        })
    }

    async fn hand_over(&self, message: Notification) -> Step {
        let now = self.app.clock.now();
        if !self.task.is_held(now) {
            return Step::Abandoned;
        }
        if now.since(self.started) > SLICE || self.task.is_asked_to_stop() {
            return Step::Left(message.id);
        }
        let attempt = self.task.taken().attempt;
        let step = match self.channel {
            Channel::Email => email::hand_over(self, &message, now).await,
            Channel::Sms => sms::hand_over(self, &message, now, attempt).await,
            Channel::Letter => letter::hand_over(self, &message, now).await,
        };
        match step {
            Step::Again { id, why, .. } if attempt >= MAX_RETRIES => {
                error!(
                    notification.id = %id,
                    "RETRY FAILED: Max retries reached. The task send_{}_to_provider failed for notification {id}. \
                     Notification has been updated to technical-failure", self.channel
                );
                Step::Settled(failed(id, NotificationStatus::TechnicalFailure, why))
            }
            step => step,
        }
    }

    /// Whether the batch is still ours, so that a provider may be asked to take this message: said right before it is,
    /// for making a message ready may have taken longer than the lease.
    fn may_ask(&self, id: NotificationId) -> bool {
        let is_ours = self.task.is_held(self.app.clock.now());
        if is_ours {
            let mut asked = self.asked.lock().expect("no one panics holding it");
            asked.insert(id);
        }
        is_ours
    }

    /// Commits outcomes as they come; the last with the end of the task and the tasks that carry on.
    async fn record(&self, mut steps: mpsc::UnboundedReceiver<Step>) -> Result<End, DeliverError> {
        let (mut news, mut rest) = (News::default(), Rest::default());
        rest.elsewhere.clone_from(&self.elsewhere);
        loop {
            let mut came = Vec::new();
            let none_left = steps.recv_many(&mut came, 256).await == 0;
            for step in came {
                match step {
                    Step::Settled(outcome) => news.outcomes.push(outcome),
                    Step::Again { id, after, why } => rest.again(id, after, why),
                    Step::Over => {}
                    Step::Left(id) => rest.left.push(id),
                    Step::Abandoned => rest.abandoned = true,
                    Step::Failed(id, doing) => news.asides.push(aside::aside(
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

    async fn commit(&self, news: News) -> Result<(), store::Error> {
        let mut tx = self.app.write().await?;
        let pools = self.write(&mut tx, &news).await?;
        self.app.commit_and_wake(tx, &pools).await?;
        news.tell(self.channel);
        Ok(())
    }

    /// News, with the tasks that they make necessary; the pools that take these.
    async fn write(&self, tx: &mut Tx, news: &News) -> Result<Vec<&'static str>, store::Error> {
        let now = self.app.clock.now();
        for aside in &news.asides {
            aside.bury(tx, now).await?;
        }
        store::notifications::record(tx, &news.outcomes, now).await?;
        let pretended: Vec<NotificationId> = receipts::to_come(&news.outcomes).collect();
        if pretended.is_empty() {
            return Ok(Vec::new());
        }
        let id = TaskId::mint(now, self.app.entropy());
        let task = tasks::made_up_receipts(id, self.tenant.service.id, &pretended, now);
        let pool = task.pool;
        tx.enqueue(vec![task]).await?;
        Ok(vec![pool])
    }

    async fn end(&self, news: News, rest: Rest) -> Result<End, DeliverError> {
        rest.tell();
        if rest.abandoned {
            // The task is not ended, even if nobody has taken it over yet: what was not tried is in it and nowhere else.
            self.commit(news).await?;
            return Ok(End::Abandoned);
        }
        let carry_on = rest.tasks(self.app, self.task, self.channel, self.app.clock.now());
        let mut tx = self.app.write().await?;
        let mut pools = self.write(&mut tx, &news).await?;
        // Where the lease was lost the other worker carries the batch on; these tasks would only do it again.
        if self.task.end(&mut tx).await? {
            pools.extend(carry_on.iter().map(|task| task.pool));
            tx.enqueue(carry_on).await?;
        }
        self.app.commit_and_wake(tx, &pools).await?;
        news.tell(self.channel);
        Ok(End::Reached)
    }
}

/// What is to be recorded with the next commit.
#[derive(Debug, Default)]
struct News {
    outcomes: Vec<Outcome>,
    /// Messages that made the program fail.
    asides: Vec<Aside>,
}

impl News {
    const fn is_empty(&self) -> bool {
        self.outcomes.is_empty() && self.asides.is_empty()
    }

    /// Counts it, and says what somebody must look at.
    fn tell(&self, channel: Channel) {
        count(channel, &self.outcomes);
        self.asides.iter().for_each(Aside::tell);
    }
}

fn count(channel: Channel, outcomes: &[Outcome]) {
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
struct Rest {
    again: BTreeMap<Duration, Vec<NotificationId>>,
    reasons: BTreeMap<String, u32>,
    left: Vec<NotificationId>,
    elsewhere: Vec<NotificationId>,
    abandoned: bool,
}

impl Rest {
    fn again(&mut self, id: NotificationId, after: Duration, why: String) {
        self.again.entry(after).or_default().push(id);
        *self.reasons.entry(why).or_default() += 1;
    }

    fn tell(&self) {
        for (why, count) in &self.reasons {
            warn!("could not hand over {count} messages, will try again: {why}");
        }
        if !self.left.is_empty() {
            info!(
                "{} messages wait for the next turn of their service",
                self.left.len()
            );
        }
        if self.abandoned {
            warn!("stopped in the middle of a batch: the lease was lost");
        }
    }

    fn tasks(&self, app: &App, task: &Task, channel: Channel, now: Timestamp) -> Vec<NewTask> {
        let taken = task.taken();
        let carry_on = |ids: &[NotificationId], after: Duration, attempt: u32| NewTask {
            attempt,
            ready_at: now.plus(after),
            ..tasks::deliver(
                TaskId::mint(now, app.entropy()),
                taken.service_id,
                channel,
                taken.lane,
                ids,
                now,
            )
        };
        let again = self
            .again
            .iter()
            .map(|(after, ids)| carry_on(ids, *after, taken.attempt + 1));
        let left =
            (!self.left.is_empty()).then(|| carry_on(&self.left, Duration::ZERO, taken.attempt));
        // If the other worker dies with them, somebody has to look at them.
        let elsewhere = (!self.elsewhere.is_empty())
            .then(|| carry_on(&self.elsewhere, ELSEWHERE_DELAY, taken.attempt));
        again.chain(left).chain(elsewhere).collect()
    }
}

/// A message that a provider took. Where nobody will report, that is the last we hear, and it counts as delivered
/// (docs/decisions/acceptance-is-the-last-we-hear.md).
fn handed(
    message: &Notification,
    provider: &str,
    reports_delivery: bool,
    reference: Option<String>,
    now: Timestamp,
) -> Outcome {
    let status = match (message.international, reports_delivery) {
        (true, _) => NotificationStatus::Sent,
        (false, true) => NotificationStatus::Sending,
        (false, false) => NotificationStatus::Delivered,
    };
    Outcome {
        id: message.id,
        status,
        sent_at: Some(now),
        sent_by: Some(provider.to_owned()),
        reference,
        billable_units: None,
        problem: None,
    }
}

fn failed(id: NotificationId, status: NotificationStatus, why: String) -> Outcome {
    Outcome {
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
fn refused(message: &Notification, error: &providers::SendError, first_delay: Duration) -> Step {
    use providers::{Refusal, SendError};
    let id = message.id;
    match error {
        SendError::Rejected {
            why: Refusal::Recipient,
            detail,
        } => Step::Settled(failed(
            id,
            NotificationStatus::PermanentFailure,
            detail.to_string(),
        )),
        SendError::Rejected {
            why: Refusal::Message,
            detail,
        } => Step::Settled(failed(
            id,
            NotificationStatus::TechnicalFailure,
            detail.to_string(),
        )),
        SendError::Throttled { retry_after, .. } => Step::Again {
            id,
            after: wait_as_asked(*retry_after),
            why: error.to_string(),
        },
        SendError::Unavailable { .. } => Step::Again {
            id,
            after: first_delay,
            why: error.to_string(),
        },
        // The provider may have it: not at once, so that a receipt can come first.
        SendError::Unknown { .. } => Step::Again {
            id,
            after: RETRY_DELAY,
            why: error.to_string(),
        },
    }
}

fn wait_as_asked(retry_after: Option<Duration>) -> Duration {
    retry_after.unwrap_or(RETRY_DELAY).min(LONGEST_WAIT)
}

/// A moment as the providers take it.
fn moment(now: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(now.unix_micros()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_that_asks_for_an_absurd_wait_does_not_get_it() {
        let for_ever = Duration::from_secs(u64::MAX);
        assert_eq!(wait_as_asked(Some(for_ever)), LONGEST_WAIT);
        assert_eq!(wait_as_asked(Some(Duration::from_secs(7))).as_secs(), 7);
        assert_eq!(wait_as_asked(None), RETRY_DELAY);
    }
}
