//! One batch: its notifications are sent concurrently, and their results are recorded meanwhile (`recording`).

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use domain::{Channel, NotificationId, NotificationStatus, Timestamp};
use futures::{StreamExt as _, stream::FuturesUnordered};
use providers::SendError;
use queue::{TaskContext, catch_panic};
use store::notifications::{Notification, StatusUpdate};
use tokio::{sync::mpsc, time};
use tracing::{info, warn};

use super::{
    BatchEnd, FailedPhase, SendBatchError, SendFailure, email,
    in_flight::Claim,
    letter,
    pending_writes::FinalOutcome,
    provider_slots::{Flow, Slot},
    sms,
};
use crate::{
    App, Tenant,
    tasks::{self, Delivery},
};

/// How long a batch keeps its worker. What is left then waits for the next turn of its service.
const MAX_BATCH_TIME: Duration = Duration::from_secs(1);

/// How long a batch waits for a result, or a message for a slot of a provider, before the rest goes to other tasks.
pub(super) const STALL: Duration = Duration::from_secs(1);

/// What one attempt to send a notification came to.
#[derive(Debug)]
pub(super) enum SendResult {
    /// The result is final.
    Final(FinalOutcome),
    /// Another attempt follows.
    Retry {
        id: NotificationId,
        after: Duration,
        /// How often its outcome has been unknown.
        unknown_outcomes: u32,
        why: String,
    },
    /// There is nothing to send, or nothing more to record.
    Noop,
    /// Not attempted, because the batch has used its time or no provider has room.
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
    pub(super) channel: Channel,
    pub(super) delivery: &'a Delivery,
    /// The notifications that only this batch sends.
    pub(super) claim: Claim,
    /// Notifications of the batch that another worker is sending.
    pub(super) elsewhere: Vec<NotificationId>,
    pub(super) started: Timestamp,
    /// How many notifications have no result yet.
    unfinished: AtomicUsize,
    /// How many of them wait for a provider's answer.
    in_calls: AtomicUsize,
    /// Whether a message found no room at any provider.
    lacks_room: AtomicBool,
    /// Notifications with which a provider was called, each with its units if they are known and not stored yet.
    attempted: Mutex<BTreeMap<NotificationId, Option<u32>>>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(
        app: &'a App,
        task: &'a TaskContext,
        tenant: &'a Tenant,
        channel: Channel,
        delivery: &'a Delivery,
        (claim, elsewhere): (Claim, Vec<NotificationId>),
    ) -> Self {
        Self {
            app,
            task,
            tenant,
            channel,
            delivery,
            claim,
            elsewhere,
            started: app.clock.now(),
            unfinished: AtomicUsize::new(0),
            in_calls: AtomicUsize::new(0),
            lacks_room: AtomicBool::new(false),
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
        self.unfinished.store(waiting.len(), Ordering::Relaxed);
        let most = self.max_concurrency();
        let mut waiting = waiting.into_iter();
        let mut sending = FuturesUnordered::new();
        loop {
            let free = most.saturating_sub(sending.len());
            let begun = waiting.by_ref().take(free);
            sending.extend(begun.map(|notification| self.send_catching_panics(notification)));
            let next = if waiting.len() == 0 {
                sending.next().await
            } else if let Ok(next) = time::timeout(STALL, sending.next()).await {
                next
            } else {
                // Calls that hang must not hold up what has not begun.
                for notification in waiting.by_ref() {
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
        match self.channel {
            Channel::Letter => most.min(letter::MAX_CONCURRENCY),
            Channel::Email | Channel::Sms => most,
        }
    }

    /// Returns when what was not started comes again: at once, unless that would only find all providers busy.
    pub(super) fn delay_of_not_started(&self) -> Duration {
        let attempted = self
            .attempted
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if self.lacks_room.load(Ordering::Relaxed) && attempted.is_empty() {
            STALL
        } else {
            Duration::ZERO
        }
    }

    /// Waits for room at one of these providers, given by their places in the list. Fails if there is none for long.
    pub(super) async fn acquire_slot(
        &self,
        candidates: impl Iterator<Item = usize>,
    ) -> Result<Slot, SendFailure> {
        let slots = self.app.send.slots(self.channel);
        let candidates = slots.with_share(candidates);
        if candidates.is_empty() {
            return Err(SendFailure::no_active_provider(self.channel));
        }
        let leased = self.task.leased();
        let flow = Flow {
            service: leased.service_id,
            lane: leased.lane,
        };
        let now = self.app.clock.now();
        let acquiring = slots.acquire(flow, candidates, self.app.random(), now);
        let slot = time::timeout(STALL, acquiring).await;
        slot.map_err(|_| SendFailure::NoRoom)
    }

    /// Calls a provider. The call ends with an unknown outcome if the process stops before it.
    pub(super) async fn call<T>(
        &self,
        slot: Slot,
        id: NotificationId,
        call: impl Future<Output = Result<T, SendError>>,
    ) -> Result<T, SendError> {
        let _in_call = InCall::begin(self);
        let sent = tokio::select! {
            biased;
            sent = call => sent,
            () = self.stopped() => {
                warn!(notification.id = %id, "the process stops while a provider is sending notification {id}");
                Err(SendError::unknown("the process stopped before the provider answered"))
            }
        };
        slot.record(&sent, self.app.clock.now());
        sent
    }

    async fn stopped(&self) {
        self.task.stopping().await;
        time::sleep(self.app.settings.stop_grace).await;
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
        if attempted.contains_key(&id) {
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
            Ok(update) => SendResult::Final(update.into()),
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
            SendFailure::NoRoom => {
                self.lacks_room.store(true, Ordering::Relaxed);
                SendResult::NotStarted(id)
            }
            SendFailure::Permanent(status, why) => self.fail(notification, status, why, None),
            SendFailure::Retry {
                policy,
                after,
                exhausted,
                why,
            } => {
                let task = self.task.leased();
                let policy = policy.unwrap_or_else(|| tasks::retry_policy(&task.kind));
                match policy.next(task.attempt, self.app.random()) {
                    Some(delay) => SendResult::Retry {
                        id,
                        after: after.unwrap_or(delay),
                        unknown_outcomes: self.delivery.unknown_outcomes,
                        why,
                    },
                    None => self.give_up(notification, exhausted, why),
                }
            }
            // A print provider recognises a letter that it has by its reference (`docs/spec/letters.md` §7.2), so sending it
            // again is harmless.
            SendFailure::Unknown(why) if self.channel == Channel::Letter => {
                self.apply_failure(notification, SendFailure::retry(why))
            }
            SendFailure::Unknown(why) => {
                let policy = tasks::UNKNOWN_OUTCOME;
                match policy.next(self.delivery.unknown_outcomes, self.app.random()) {
                    Some(after) => SendResult::Retry {
                        id,
                        after,
                        unknown_outcomes: self.delivery.unknown_outcomes + 1,
                        why,
                    },
                    None => self.give_up(notification, NotificationStatus::TechnicalFailure, why),
                }
            }
        }
    }

    /// Ends a notification whose retries are used up.
    fn give_up(
        &self,
        notification: &Notification,
        status: NotificationStatus,
        why: String,
    ) -> SendResult {
        let id = notification.id;
        // An operator can do nothing about a recipient whose mailbox stays full.
        if status != NotificationStatus::TechnicalFailure {
            info!(notification.id = %id, "notification {id} has been updated to {status}: {why}");
            return self.fail(notification, status, why, None);
        }
        let report = format!(
            "RETRY FAILED: Max retries reached. The task send_{}_to_provider failed for notification {id}. \
             Notification has been updated to technical-failure",
            self.channel
        );
        self.fail(notification, status, why, Some(report))
    }

    /// Returns the result of a notification that has failed, with the units that a provider may have taken.
    fn fail(
        &self,
        notification: &Notification,
        status: NotificationStatus,
        why: String,
        report: Option<String>,
    ) -> SendResult {
        let id = notification.id;
        // A letter with a test key is `delivered` before it has pages, and stays so if they cannot be made.
        if !notification.status.can_transition_to(status) {
            warn!(
                notification.id = %id, service.id = %notification.service_id,
                "{} {id} cannot become {status}, and stays {}: {why}", notification.channel, notification.status
            );
            return SendResult::Noop;
        }
        let update = StatusUpdate {
            billable_units: self.units_not_stored(id).map(|(_, units)| units),
            ..StatusUpdate::failed(id, status, why)
        };
        SendResult::Final(FinalOutcome { update, report })
    }

    /// Returns the units of a text that was attempted, unless they were stored before (`docs/spec/workers.md` §7.1).
    pub(super) fn units_not_stored(&self, id: NotificationId) -> Option<(NotificationId, u32)> {
        let attempted = self
            .attempted
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let units = attempted.get(&id).copied().flatten();
        units.map(|units| (id, units))
    }

    /// Records that a provider is about to be called with this notification. Fails if the lease is lost: rendering may
    /// have taken longer than the lease lasted.
    pub(super) fn begin_attempt(
        &self,
        notification: &Notification,
        billable_units: Option<u32>,
    ) -> Result<(), SendFailure> {
        if !self.task.holds_lease(self.app.clock.now()) {
            return Err(SendFailure::LeaseLost);
        }
        let mut attempted = self
            .attempted
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let is_unknown = notification.billable_units == 0;
        attempted.insert(notification.id, billable_units.filter(|_| is_unknown));
        Ok(())
    }
}

/// A notification that waits for a provider's answer, until this is dropped.
struct InCall<'a, 'b>(&'a Batch<'b>);

impl<'a, 'b> InCall<'a, 'b> {
    fn begin(batch: &'a Batch<'b>) -> Self {
        batch.in_calls.fetch_add(1, Ordering::Relaxed);
        batch.update_waiting();
        Self(batch)
    }
}

impl Drop for InCall<'_, '_> {
    fn drop(&mut self) {
        self.0.in_calls.fetch_sub(1, Ordering::Relaxed);
        self.0.update_waiting();
    }
}
