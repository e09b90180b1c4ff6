//! One batch: its notifications are sent concurrently, and their results are recorded meanwhile.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use domain::{Channel, NotificationId, NotificationStatus, TaskId, Timestamp};
use futures::StreamExt as _;
use queue::{Enqueue as _, NewTask, TaskContext, catch_panic};
use store::{Tx, notifications::Notification};
use tokio::sync::mpsc;
use tracing::{error, warn};

use super::{
    BatchEnd, FailedPhase, SendBatchError, SendFailure, email, failed_outcome, letter,
    pending_writes::PendingWrites, poison, remaining::Remaining, sms,
};
use crate::{App, Tenant, receipts, tasks};

/// How long a batch keeps its worker. What is left then waits for the next turn of its service.
const MAX_BATCH_TIME: Duration = Duration::from_secs(1);

/// Pauses before a commit of results is tried again. Together they are shorter than a lease.
const COMMIT_PAUSES: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(3),
];

/// What one attempt to send a notification came to.
#[derive(Debug)]
pub(super) enum SendResult {
    /// The result is final.
    Final(store::notifications::StatusUpdate),
    /// Another attempt follows.
    Retry {
        id: NotificationId,
        after: Duration,
        why: String,
    },
    /// There is nothing to send, or nothing more to record.
    Noop,
    /// Not attempted, because the batch has used its time.
    NotStarted(NotificationId),
    /// Not attempted, because the lease is lost and another worker has the batch.
    LeaseLost,
    /// The program failed.
    Panicked(NotificationId, FailedPhase),
}

pub(super) struct Batch<'a> {
    pub(super) app: &'a App,
    pub(super) task: &'a TaskContext,
    pub(super) tenant: &'a Tenant,
    channel: Channel,
    started: Timestamp,
    /// Notifications of the batch that another worker is sending.
    elsewhere: Vec<NotificationId>,
    /// Notifications with which a provider was called.
    attempted: Mutex<BTreeSet<NotificationId>>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(
        app: &'a App,
        task: &'a TaskContext,
        tenant: &'a Tenant,
        channel: Channel,
        elsewhere: Vec<NotificationId>,
    ) -> Self {
        Self {
            app,
            task,
            tenant,
            channel,
            started: app.clock.now(),
            elsewhere,
            attempted: Mutex::default(),
        }
    }

    /// Sends the notifications and records the results as they come.
    pub(super) async fn send(
        &self,
        waiting: Vec<Notification>,
    ) -> Result<BatchEnd, SendBatchError> {
        let (sender, results) = mpsc::unbounded_channel();
        let (recorded, ()) = futures::join!(self.record(results), self.send_all(waiting, sender));
        recorded
    }

    async fn send_all(
        &self,
        waiting: Vec<Notification>,
        results: mpsc::UnboundedSender<SendResult>,
    ) {
        futures::stream::iter(waiting)
            .map(|notification| self.send_catching_panics(notification))
            .buffer_unordered(max_concurrency(self.app, self.channel))
            .for_each(|result| {
                // The receiver is dropped early only when recording failed, and then the task is retried as a whole.
                let _ = results.send(result);
                std::future::ready(())
            })
            .await;
    }

    async fn send_catching_panics(&self, notification: Notification) -> SendResult {
        let id = notification.id;
        let result = catch_panic(self.send_one(&notification)).await;
        result.unwrap_or_else(|| SendResult::Panicked(id, self.phase(id)))
    }

    fn phase(&self, id: NotificationId) -> FailedPhase {
        let attempted = self
            .attempted
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if attempted.contains(&id) {
            FailedPhase::HandingOver
        } else {
            FailedPhase::Preparing
        }
    }

    async fn send_one(&self, notification: &Notification) -> SendResult {
        let now = self.app.clock.now();
        if !self.task.holds_lease(now) {
            return SendResult::LeaseLost;
        }
        // An earlier run of this task has called the provider, and could not record the answer.
        if let Some(outcome) = self.app.send.unrecorded.find(notification.id) {
            return SendResult::Final(outcome);
        }
        if now.since(self.started) > MAX_BATCH_TIME || self.task.is_stopping() {
            return SendResult::NotStarted(notification.id);
        }
        let sent = match self.channel {
            Channel::Email => email::send(self, notification, now).await,
            Channel::Sms => sms::send(self, notification, now).await,
            Channel::Letter => letter::send(self, notification, now).await,
        };
        let result = match sent {
            Ok(outcome) => SendResult::Final(outcome),
            Err(failure) => self.apply_failure(notification, failure),
        };
        if let SendResult::Final(outcome) = &result
            && self.phase(notification.id) == FailedPhase::HandingOver
        {
            self.app.send.unrecorded.put(outcome, now);
        }
        result
    }

    fn apply_failure(&self, notification: &Notification, failure: SendFailure) -> SendResult {
        let id = notification.id;
        match failure {
            SendFailure::Noop => SendResult::Noop,
            SendFailure::LeaseLost => SendResult::LeaseLost,
            SendFailure::Permanent(status, why) => fail(notification, status, why),
            SendFailure::Retry { policy, after, why } => {
                let task = self.task.leased();
                let policy = policy.unwrap_or_else(|| tasks::retry_policy(&task.kind));
                let Some(delay) = policy.next(task.attempt, self.app.random()) else {
                    error!(
                        notification.id = %id,
                        "RETRY FAILED: Max retries reached. The task send_{}_to_provider failed for notification {id}. \
                         Notification has been updated to technical-failure", self.channel
                    );
                    return fail(notification, NotificationStatus::TechnicalFailure, why);
                };
                let after = after.unwrap_or(delay);
                SendResult::Retry { id, after, why }
            }
        }
    }

    /// Records that a provider is about to be called with this notification. Fails if the lease is lost: rendering may
    /// have taken longer than the lease lasted.
    pub(super) fn begin_attempt(&self, id: NotificationId) -> Result<(), SendFailure> {
        if !self.task.holds_lease(self.app.clock.now()) {
            return Err(SendFailure::LeaseLost);
        }
        let mut attempted = self
            .attempted
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        attempted.insert(id);
        Ok(())
    }

    /// Commits results as they come; the last ones together with the end of the task and the tasks that continue.
    async fn record(
        &self,
        mut results: mpsc::UnboundedReceiver<SendResult>,
    ) -> Result<BatchEnd, SendBatchError> {
        let (mut writes, mut rest) = (PendingWrites::default(), Remaining::default());
        rest.elsewhere.clone_from(&self.elsewhere);
        loop {
            let mut received = Vec::new();
            let is_closed = results.recv_many(&mut received, 256).await == 0;
            for result in received {
                self.sort(result, &mut writes, &mut rest);
            }
            // The last results are left for the commit that ends the task.
            if is_closed || (results.is_closed() && results.is_empty()) {
                break;
            }
            if !writes.is_empty() {
                self.commit(std::mem::take(&mut writes), None).await?;
            }
        }
        self.end(writes, rest).await
    }

    fn sort(&self, result: SendResult, writes: &mut PendingWrites, rest: &mut Remaining) {
        match result {
            SendResult::Final(outcome) => writes.outcomes.push(outcome),
            SendResult::Retry { id, after, why } => rest.retry(id, after, why),
            SendResult::Noop => {}
            SendResult::NotStarted(id) => rest.not_started.push(id),
            SendResult::LeaseLost => rest.lease_lost = true,
            SendResult::Panicked(id, phase) => {
                let now = self.app.clock.now();
                let poisoned = poison::poison_message(self.task, self.channel, id, &phase, now);
                writes.poisoned.push(poisoned);
            }
        }
    }

    /// Commits results. A commit that fails is tried again while the lease holds and the database may recover.
    ///
    /// `continuing` is given with the last results: the task is then completed, and these tasks take its place.
    async fn commit(
        &self,
        writes: PendingWrites,
        continuing: Option<Vec<NewTask>>,
    ) -> Result<(), store::Error> {
        let mut pauses = COMMIT_PAUSES.iter();
        while let Err(error) = self.try_commit(&writes, continuing.as_deref()).await {
            let holds_lease = self.task.holds_lease(self.app.clock.now());
            let pause = pauses
                .next()
                .filter(|_| error.is_transient() && holds_lease);
            let Some(pause) = pause else {
                return Err(error);
            };
            warn!(
                error = &error as &dyn std::error::Error,
                "cannot record results of a batch, will try again"
            );
            tokio::time::sleep(*pause).await;
        }
        self.app.send.unrecorded.remove(&writes.outcomes);
        writes.log_and_count(self.channel);
        Ok(())
    }

    /// Commits once. Repeating a commit that was applied although it seemed to fail is harmless: statuses change by
    /// compare-and-set, and a task that is completed is not completed, nor continued, a second time.
    async fn try_commit(
        &self,
        writes: &PendingWrites,
        continuing: Option<&[NewTask]>,
    ) -> Result<(), store::Error> {
        let mut tx = self.app.write().await?;
        let mut pools = self.write(&mut tx, writes).await?;
        if let Some(continuing) = continuing
            // If the lease was lost, the other worker continues the batch, and these tasks would repeat its work.
            && self.task.complete(&mut tx).await?
        {
            pools.extend(continuing.iter().map(|task| task.pool));
            tx.enqueue(continuing.to_vec()).await?;
        }
        self.app.commit_and_notify(tx, &pools).await
    }

    /// Writes results with the tasks that they make necessary, and returns the pools of these tasks.
    async fn write(
        &self,
        tx: &mut Tx,
        writes: &PendingWrites,
    ) -> Result<Vec<&'static str>, store::Error> {
        let now = self.app.clock.now();
        for poisoned in &writes.poisoned {
            poisoned.dead_letter(tx, now).await?;
        }
        store::notifications::apply(tx, &writes.outcomes, now).await?;
        let simulated: Vec<NotificationId> =
            receipts::awaiting_simulated_receipt(&writes.outcomes).collect();
        if simulated.is_empty() {
            return Ok(Vec::new());
        }
        let id = TaskId::generate(now, self.app.random());
        let task = tasks::simulated_receipts(id, self.tenant.service.id, &simulated, now);
        let pool = task.pool;
        tx.enqueue(vec![task]).await?;
        Ok(vec![pool])
    }

    async fn end(
        &self,
        writes: PendingWrites,
        rest: Remaining,
    ) -> Result<BatchEnd, SendBatchError> {
        rest.log();
        if rest.lease_lost {
            // The task is not completed, even if no other worker has claimed it yet: it alone names what was not attempted.
            self.commit(writes, None).await?;
            return Ok(BatchEnd::LeaseLost);
        }
        let continuing = rest.tasks(self.app, self.task, self.channel, self.app.clock.now());
        self.commit(writes, Some(continuing)).await?;
        Ok(BatchEnd::Finished)
    }
}

/// Returns how many notifications of a channel can usefully be sent at once: as many as its most parallel provider takes.
fn max_concurrency(app: &App, channel: Channel) -> usize {
    let providers = &app.providers;
    let most = match channel {
        Channel::Email => providers
            .email
            .iter()
            .map(|one| one.provider.concurrency())
            .max(),
        Channel::Sms => providers
            .sms
            .iter()
            .map(|one| one.provider.concurrency())
            .max(),
        Channel::Letter => providers
            .letter
            .iter()
            .map(|one| one.provider.concurrency().min(letter::MAX_CONCURRENCY))
            .max(),
    };
    most.unwrap_or(1).max(1)
}

fn fail(notification: &Notification, status: NotificationStatus, why: String) -> SendResult {
    let id = notification.id;
    // A letter with a test key is `delivered` before it has pages, and stays so if they cannot be made.
    if !notification.status.can_transition_to(status) {
        warn!(
            notification.id = %id, service.id = %notification.service_id,
            "letter {id} has no pages, and stays {}: {why}", notification.status
        );
        return SendResult::Noop;
    }
    SendResult::Final(failed_outcome(id, status, why))
}
