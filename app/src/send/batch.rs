//! One batch: its notifications are sent concurrently, and their results are recorded meanwhile (`recording`).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
    vec,
};

use domain::{Channel, NotificationId, NotificationStatus, SuppressionReason, Timestamp};
use files::Key;
use futures::{
    FutureExt as _, StreamExt as _,
    future::{BoxFuture, Shared},
    stream::FuturesUnordered,
};
use providers::SendError;
use queue::{RetryPolicy, TaskContext, catch_panic};
use store::{
    attempts::AttemptEnd,
    notifications::{Notification, StatusUpdate},
};
use tokio::{sync::mpsc, time};
use tracing::{error, info, warn};

use super::{
    BatchEnd, FailedPhase, SendBatchError, SendFailure,
    attempts::{self, AttemptResult, BatchAttempts},
    email, hand_over_metrics,
    in_flight::Claim,
    letter,
    pending_writes::FinalOutcome,
    provider_slots::{Flow, Slot, Unavailable},
    sms,
};
use crate::{
    App, Tenant,
    tasks::{self, Delivery, Step},
};

/// How long a batch keeps its worker. What is left then waits for the next turn of its service.
const MAX_BATCH_TIME: Duration = Duration::from_secs(1);

/// How long a batch waits for a result, or a message for a slot of a provider, before the rest goes to other tasks.
pub(super) const STALL: Duration = Duration::from_secs(1);

/// How long messages wait that another process has begun to send at the same moment.
const BEGUN_ELSEWHERE_DELAY: Duration = Duration::from_secs(30);

/// How long all providers of a channel may fail before their open breakers count as failed attempts.
const LONG_OUTAGE: Duration = Duration::from_mins(5);

/// How long a message waits when the daily quotas are used up, before it looks again: an operator may have raised one.
const QUOTA_PAUSE: Duration = Duration::from_mins(5);

/// What one attempt to send a notification came to.
#[derive(Debug)]
pub(super) enum SendResult {
    /// The result is final.
    Final(FinalOutcome),
    /// The result of an earlier run of the task, whose commit failed, and the end of that run's attempt.
    Recorded(FinalOutcome, Option<AttemptEnd>),
    /// Another attempt follows.
    Retry {
        id: NotificationId,
        after: Duration,
        /// How often its outcome has been unknown.
        unknown_outcomes: u32,
        why: String,
    },
    /// There is nothing to send, or nothing more to record.
    Noop(NotificationId),
    /// Not attempted, because the batch has used its time or no provider has room.
    NotStarted(NotificationId),
    /// Done, and this step follows.
    Next(NotificationId, Step),
    /// Not attempted, because the lease is lost and another worker has the batch.
    LeaseLost(NotificationId),
    /// The program failed.
    Panicked(NotificationId, FailedPhase),
}

impl SendResult {
    /// Returns the notification whose attempt ends with this result.
    pub(super) const fn id(&self) -> Option<NotificationId> {
        match self {
            Self::Final(outcome) => Some(outcome.update.id),
            Self::Retry { id, .. }
            | Self::Noop(id)
            | Self::NotStarted(id)
            | Self::Next(id, _)
            | Self::LeaseLost(id)
            | Self::Panicked(id, _) => Some(*id),
            // The attempt was that of an earlier run.
            Self::Recorded(..) => None,
        }
    }
}

/// Who has the notifications of a batch.
pub(super) struct Held {
    /// Those that only this batch sends.
    pub(super) claim: Claim,
    /// Those that another worker is sending.
    pub(super) elsewhere: Vec<NotificationId>,
    /// Those that a provider may have, for whose receipts they wait this long.
    pub(super) awaited: Vec<(NotificationId, Duration)>,
    /// Their attempts, earlier ones and those of this batch.
    pub(super) attempts: BatchAttempts,
}

pub(super) struct Batch<'a> {
    pub(super) app: &'a App,
    pub(super) task: &'a TaskContext,
    pub(super) tenant: &'a Tenant,
    pub(super) step: Step,
    pub(super) channel: Channel,
    pub(super) delivery: &'a Delivery,
    /// The notifications of the batch, and who has them.
    pub(super) held: Held,
    /// Notifications whose recipients are on the suppression list.
    suppressed: BTreeMap<NotificationId, SuppressionReason>,
    pub(super) started: Timestamp,
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
    pub(super) fn new(
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
    pub(super) fn withholding(
        mut self,
        suppressed: BTreeMap<NotificationId, SuppressionReason>,
    ) -> Self {
        self.suppressed = suppressed;
        self
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

    /// Records the attempts of these notifications before the first of them is sent.
    fn begin_attempts<'b>(&'b self, next: &[Notification]) -> Option<BegunChunk<'b>> {
        if !self.step.calls_provider() {
            return None;
        }
        let to_send = next
            .iter()
            .filter(|notification| attempts::has_attempt(self.app, notification));
        let ids: Vec<NotificationId> = to_send.map(|notification| notification.id).collect();
        if ids.is_empty() {
            return None;
        }
        let begin = async move {
            let now = self.app.clock.now();
            let begun = self
                .held
                .attempts
                .begin(self.app, self.channel, &ids, now)
                .await;
            if matches!(begun, Ok(false)) {
                self.wait_for_room(BEGUN_ELSEWHERE_DELAY);
            }
            begun.unwrap_or_else(|fault| {
                warn!(
                    error = &fault as &dyn std::error::Error,
                    "cannot record the attempts of {} messages, will try again",
                    ids.len()
                );
                self.wait_for_room(tasks::STORAGE_PAUSE);
                false
            })
        };
        Some(begin.boxed().shared())
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
    pub(super) fn delay_of_not_started(&self) -> Duration {
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

    /// Waits for room at one of these providers, given by their places in the list. Fails if there is none for long.
    pub(super) async fn acquire_slot(
        &self,
        notification: &Notification,
        candidates: impl Iterator<Item = usize>,
    ) -> Result<Slot, SendFailure> {
        let slots = self.app.send.slots(self.channel);
        // A print provider takes letters to every country.
        let international = self.channel == Channel::Sms && notification.international;
        let candidates = slots.with_share(candidates, international);
        if candidates.is_empty() {
            return Err(self.no_active_provider());
        }
        if let Some(unavailable) = slots.unavailable(&candidates) {
            return Err(self.none_takes_it(unavailable));
        }
        let leased = self.task.leased();
        let flow = Flow {
            service: leased.service_id,
            lane: leased.lane,
        };
        let acquiring = slots.acquire(flow, &candidates, self.app.random());
        let slot = time::timeout(STALL, acquiring).await;
        slot.map_err(|_| SendFailure::NoRoom(STALL))
    }

    /// Returns what becomes of a message that no provider takes for a while.
    fn none_takes_it(&self, unavailable: Unavailable) -> SendFailure {
        let now = self.app.clock.now();
        match unavailable {
            // A short outage costs no attempt and no five minutes. A long one counts, or its messages would never end.
            Unavailable::BreakersOpen {
                until,
                failing_since,
            } if now.since(failing_since) < LONG_OUTAGE => SendFailure::NoRoom(until.since(now)),
            Unavailable::BreakersOpen { .. } => {
                let channel = self.channel;
                SendFailure::retry(format!(
                    "every provider of the channel {channel} has failed for minutes"
                ))
            }
            // Other batches have taken what this process had reserved: the next one reserves more.
            Unavailable::QuotasUsedUp if !self.app.send.quotas.is_used_up(self.channel, now) => {
                SendFailure::NoRoom(Duration::ZERO)
            }
            Unavailable::QuotasUsedUp => {
                let tomorrow = now.utc_day().plus_days(1).start();
                SendFailure::NoRoom(tomorrow.since(now).min(QUOTA_PAUSE))
            }
        }
    }

    fn no_active_provider(&self) -> SendFailure {
        let failure = SendFailure::no_active_provider(self.channel);
        // One line for a batch: all its messages fail alike.
        if let SendFailure::Retry { why, .. } = &failure
            && !self.lacks_provider.swap(true, Ordering::Relaxed)
        {
            error!("{why}: activate one with `pillarbox provider activate`");
        }
        failure
    }

    /// Calls a provider. The call ends with an unknown outcome if the process stops before it.
    pub(super) async fn call<T>(
        &self,
        mut slot: Slot,
        id: NotificationId,
        call: impl Future<Output = Result<T, SendError>>,
    ) -> Result<T, SendError> {
        let _in_call = InCall::begin(self);
        slot.begin_call();
        let sent = tokio::select! {
            biased;
            sent = call => sent,
            () = self.stopped() => {
                warn!(notification.id = %id, "the process stops while a provider is sending notification {id}");
                Err(SendError::unknown("the process stopped before the provider answered"))
            }
        };
        self.record_call(&slot, id, &sent);
        sent
    }

    /// Records how a call ended: for the next draws, for the attempt, and for operators.
    fn record_call<T>(&self, slot: &Slot, id: NotificationId, sent: &Result<T, SendError>) {
        let now = self.app.clock.now();
        self.held.attempts.end(id, sent, now);
        let change = slot.record(sent, now);
        let Some(AttemptResult::Ended(end)) = self.held.attempts.result(id, now) else {
            return;
        };
        hand_over_metrics::record_call(self.channel, &end);
        if let (Some(change), Some(provider)) = (change, end.provider) {
            hand_over_metrics::log_breaker(self.channel, &provider, change, sent.as_ref().err());
        }
    }

    async fn stopped(&self) {
        self.task.stopping().await;
        time::sleep(self.app.settings.stop_grace).await;
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

    fn apply_failure(&self, notification: &Notification, failure: SendFailure) -> SendResult {
        let id = notification.id;
        match failure {
            SendFailure::Noop => SendResult::Noop(id),
            SendFailure::Next(step) => SendResult::Next(id, step),
            SendFailure::LeaseLost => SendResult::LeaseLost(id),
            SendFailure::NoRoom(pause) => {
                self.wait_for_room
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(pause);
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
                    None => self.give_up(notification, exhausted, why, policy),
                }
            }
            // A print provider recognises a letter that it has by its reference (`docs/spec/letters.md` §7.2), so sending it
            // again is harmless.
            SendFailure::Unknown(why) if self.channel == Channel::Letter => {
                self.apply_failure(notification, SendFailure::retry(why))
            }
            SendFailure::Unknown(why) => {
                let policy = tasks::UNKNOWN_OUTCOME;
                let next = policy.next(self.delivery.unknown_outcomes, self.app.random());
                let Some(after) = next else {
                    let status = NotificationStatus::TechnicalFailure;
                    return self.give_up(notification, status, why, policy);
                };
                SendResult::Retry {
                    id,
                    after,
                    unknown_outcomes: self.delivery.unknown_outcomes + 1,
                    why,
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
        policy: RetryPolicy,
    ) -> SendResult {
        let id = notification.id;
        // An operator can do nothing about a recipient whose mailbox stays full.
        if status != NotificationStatus::TechnicalFailure {
            info!(notification.id = %id, "notification {id} has been updated to {status}: {why}");
            return self.fail(notification, status, why, None);
        }
        let report = if policy == tasks::LETTER_SCAN {
            let file = Key::letter_pdf(notification.service_id.as_uuid(), id.as_uuid());
            format!("notification id {id} Virus scan error: {file}")
        } else if policy == tasks::LETTER_PDF {
            format!("RETRY FAILED: task create_letters_pdf failed for notification {id}")
        } else {
            format!(
                "RETRY FAILED: Max retries reached. The task send_{}_to_provider failed for notification {id}. \
                 Notification has been updated to technical-failure",
                self.channel
            )
        };
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
            return SendResult::Noop(id);
        }
        let units = self.held.attempts.units_not_stored(id);
        let update = StatusUpdate {
            billable_units: units.map(|(_, units)| units),
            ..StatusUpdate::failed(id, status, why)
        };
        SendResult::Final(FinalOutcome { update, report })
    }

    /// Notes that a provider is about to be called with this notification. Fails if the lease is lost: rendering may
    /// have taken longer than the lease lasted.
    pub(super) fn begin_call(
        &self,
        notification: &Notification,
        provider: &str,
        billable_units: Option<u32>,
    ) -> Result<(), SendFailure> {
        let now = self.app.clock.now();
        if !self.task.holds_lease(now) {
            return Err(SendFailure::LeaseLost);
        }
        let attempts = &self.held.attempts;
        attempts.call(notification, provider, billable_units, now);
        Ok(())
    }
}

/// Whether the attempts of some notifications are recorded: shared by them, and completed by the first that asks.
type BegunChunk<'a> = Shared<BoxFuture<'a, bool>>;

/// The notifications of a batch that have not begun. The attempts of a few are recorded together, so that a provider is not
/// kept waiting for the database, and few messages count as begun if the process ends.
struct Chunks<'a> {
    waiting: vec::IntoIter<Notification>,
    size: usize,
    /// How many of the next notifications are recorded together with the last one.
    left: usize,
    begun: Option<BegunChunk<'a>>,
}

impl<'a> Chunks<'a> {
    fn new(waiting: Vec<Notification>, size: usize) -> Self {
        Self {
            waiting: waiting.into_iter(),
            size: size.max(MIN_CHUNK),
            left: 0,
            begun: None,
        }
    }

    fn is_empty(&self) -> bool {
        self.waiting.len() == 0
    }

    fn drain(&mut self) -> impl Iterator<Item = Notification> {
        self.waiting.by_ref()
    }

    /// Returns the next notification, and what to wait for before its provider is called.
    fn next(&mut self, batch: &'a Batch<'a>) -> Option<(Notification, Option<BegunChunk<'a>>)> {
        if self.left == 0 {
            let next = self.waiting.as_slice();
            let next = &next[..next.len().min(self.size)];
            self.left = next.len();
            self.begun = batch.begin_attempts(next);
        }
        let notification = self.waiting.next()?;
        self.left -= 1;
        let begun = attempts::has_attempt(batch.app, &notification)
            .then(|| self.begun.clone())
            .flatten();
        Some((notification, begun))
    }
}

/// Fewest notifications whose attempts are recorded together.
const MIN_CHUNK: usize = 16;

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
