//! One batch: its notifications are sent concurrently, and their results are recorded meanwhile (`recording`).

mod calls;
mod chunks;
mod results;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use domain::{Channel, NotificationId, NotificationStatus, SuppressionReason, Timestamp};
use futures::{StreamExt as _, stream::FuturesUnordered};
use queue::{TaskContext, catch_panic};
use store::notifications::{Notification, StatusUpdate};
use tokio::{sync::mpsc, time};

use super::{
    BatchEnd, FailedPhase, SendBatchError,
    attempts::{AttemptResult, BatchAttempts},
    email, hand_over_metrics,
    in_flight::Claim,
    letter, sms,
};
use crate::{
    App, Tenant,
    tasks::{Delivery, Step},
};
use chunks::{BegunChunk, Chunks};

pub(in crate::send) use results::SendResult;

/// How long a batch keeps its worker. What is left then waits for the next turn of its service.
const MAX_BATCH_TIME: Duration = Duration::from_secs(1);

/// How long a batch waits for a result, or a message for a slot of a provider, before the rest goes to other tasks.
pub(in crate::send) const STALL: Duration = Duration::from_secs(1);

/// Who has the notifications of a batch.
pub(in crate::send) struct Held {
    /// Those that only this batch sends.
    pub(in crate::send) claim: Claim,
    /// Those that another worker is sending.
    pub(in crate::send) elsewhere: Vec<NotificationId>,
    /// Those that a provider may have, for whose receipts they wait this long.
    pub(in crate::send) awaited: Vec<(NotificationId, Duration)>,
    /// Their attempts, earlier ones and those of this batch.
    pub(in crate::send) attempts: BatchAttempts,
}

pub(in crate::send) struct Batch<'a> {
    pub(in crate::send) app: &'a App,
    pub(in crate::send) task: &'a TaskContext,
    pub(in crate::send) tenant: &'a Tenant,
    pub(in crate::send) step: Step,
    pub(in crate::send) channel: Channel,
    pub(in crate::send) delivery: &'a Delivery,
    /// The notifications of the batch, and who has them.
    pub(in crate::send) held: Held,
    /// Notifications whose recipients are on the suppression list.
    suppressed: BTreeMap<NotificationId, SuppressionReason>,
    pub(in crate::send) started: Timestamp,
    /// How many notifications have no result yet.
    unfinished: AtomicUsize,
    /// How many of them wait for a provider's answer.
    in_calls: AtomicUsize,
    /// How long messages wait that found no room at any provider.
    wait_for_room: Mutex<BTreeSet<Duration>>,
    /// Whether a message found no active provider.
    lacks_provider: AtomicBool,
}

impl<'a> Batch<'a> {
    pub(in crate::send) fn new(
        app: &'a App,
        task: &'a TaskContext,
        tenant: &'a Tenant,
        step: Step,
        delivery: &'a Delivery,
        held: Held,
    ) -> Self {
        Self {
            app,
            task,
            tenant,
            step,
            channel: step.channel(),
            delivery,
            held,
            suppressed: BTreeMap::new(),
            started: app.clock.now(),
            unfinished: AtomicUsize::new(0),
            in_calls: AtomicUsize::new(0),
            wait_for_room: Mutex::default(),
            lacks_provider: AtomicBool::new(false),
        }
    }

    /// Returns the batch with notifications that are not sent, because their recipients are on the suppression list.
    pub(in crate::send) fn withholding(
        mut self,
        suppressed: BTreeMap<NotificationId, SuppressionReason>,
    ) -> Self {
        self.suppressed = suppressed;
        self
    }

    /// Sends the notifications and records the results as they come.
    pub(in crate::send) async fn send(
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
        self.unfinished.store(waiting.len(), Ordering::Relaxed);
        let most = self.max_concurrency();
        let mut waiting = Chunks::new(waiting, 2 * most);
        let mut sending = FuturesUnordered::new();
        loop {
            while sending.len() < most
                && let Some((notification, begun)) = waiting.next(self)
            {
                sending.push(self.send_catching_panics(notification, begun));
            }
            let next = if waiting.is_empty() {
                sending.next().await
            } else if let Ok(next) = time::timeout(STALL, sending.next()).await {
                next
            } else {
                // Calls that hang must not hold up what has not begun.
                for notification in waiting.drain() {
                    self.finish(SendResult::NotStarted(notification.id), &results);
                }
                continue;
            };
            match next {
                Some(result) => self.finish(result, &results),
                None => return,
            }
        }
    }

    /// Lets what was not started come again after this time, unless providers were called meanwhile.
    fn wait_for_room(&self, pause: Duration) {
        let mut waits = self
            .wait_for_room
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        waits.insert(pause);
    }

    fn finish(&self, result: SendResult, results: &mpsc::UnboundedSender<SendResult>) {
        self.unfinished.fetch_sub(1, Ordering::Relaxed);
        self.update_waiting();
        // The receiver is dropped early only when recording failed, and then the task is retried as a whole.
        let _ = results.send(result);
    }

    /// A batch of which every notification waits for a provider's answer needs no worker. How many there can be is limited
    /// by the slots of the providers.
    fn update_waiting(&self) {
        let unfinished = self.unfinished.load(Ordering::Relaxed);
        let in_calls = self.in_calls.load(Ordering::Relaxed);
        self.task
            .set_waiting(unfinished > 0 && unfinished == in_calls);
    }

    /// Returns how many notifications can usefully be sent at once: as many as all providers take.
    fn max_concurrency(&self) -> usize {
        let most = self.app.send.slots(self.channel).total().max(1);
        match self.step {
            Step::MakePages | Step::Scan | Step::Check => letter::MAX_CONCURRENCY,
            Step::Print => most.min(letter::MAX_CONCURRENCY),
            Step::Email | Step::Sms => most,
        }
    }

    /// Returns when what was not started comes again: at once, unless that would only find all providers busy.
    pub(in crate::send) fn delay_of_not_started(&self) -> Duration {
        let waits = self
            .wait_for_room
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match waits.first() {
            // The shortest: some of the messages may take a provider that others cannot.
            Some(wait) if !self.held.attempts.any_called() => *wait,
            _ => Duration::ZERO,
        }
    }

    async fn send_catching_panics(
        &self,
        notification: Notification,
        begun: Option<BegunChunk<'_>>,
    ) -> SendResult {
        let id = notification.id;
        if let Some(begun) = begun
            && !begun.await
        {
            return SendResult::NotStarted(id);
        }
        let result = catch_panic(self.send_one(&notification)).await;
        result.unwrap_or_else(|| SendResult::Panicked(id, self.phase(id)))
    }

    fn phase(&self, id: NotificationId) -> FailedPhase {
        if self.held.attempts.was_called(id) {
            FailedPhase::HandingOver
        } else {
            FailedPhase::Preparing
        }
    }

    async fn send_one(&self, notification: &Notification) -> SendResult {
        let now = self.app.clock.now();
        if !self.task.holds_lease(now) {
            return SendResult::LeaseLost(notification.id);
        }
        // An earlier run of this task has called the provider, and could not record the answer.
        if let Some((outcome, end)) = self.app.send.unrecorded.find(notification.id) {
            return SendResult::Recorded(outcome, end);
        }
        if now.since(self.started) > MAX_BATCH_TIME || self.task.is_stopping() {
            return SendResult::NotStarted(notification.id);
        }
        if let Some(reason) = self.suppressed.get(&notification.id) {
            let why = format!("the recipient is on the suppression list: {reason}");
            let status = NotificationStatus::PermanentFailure;
            let update = StatusUpdate::failed(notification.id, status, why);
            return SendResult::Final(update.into());
        }
        let sent = match self.channel {
            Channel::Email => email::send(self, notification, now).await,
            Channel::Sms => sms::send(self, notification, now).await,
            Channel::Letter => letter::send(self, notification, now).await,
        };
        let result = match sent {
            Ok(update) => {
                hand_over_metrics::record_accepted(self, notification, &update);
                SendResult::Final(update.into())
            }
            Err(failure) => self.apply_failure(notification, failure),
        };
        if let SendResult::Final(outcome) = &result
            && self.phase(notification.id) == FailedPhase::HandingOver
        {
            let end = match self.held.attempts.result(notification.id, now) {
                Some(AttemptResult::Ended(end)) => Some(end),
                _ => None,
            };
            self.app.send.unrecorded.put(outcome, end, now);
        }
        result
    }
}
