//! Calls of providers: room for them, the call itself, and its record.

use std::{sync::atomic::Ordering, time::Duration};

use domain::{Channel, NotificationId};
use providers::SendError;
use store::notifications::Notification;
use tokio::time;
use tracing::{error, warn};

use super::{Batch, STALL};
use crate::send::{
    SendFailure,
    attempts::AttemptResult,
    hand_over_metrics,
    provider_slots::{Flow, Slot, Unavailable},
};

/// How long all providers of a channel may fail before their open breakers count as failed attempts.
const LONG_OUTAGE: Duration = Duration::from_mins(5);

/// How long a message waits when the daily quotas are used up, before it looks again: an operator may have raised one.
const QUOTA_PAUSE: Duration = Duration::from_mins(5);

impl Batch<'_> {
    /// Waits for room at one of these providers, given by their places in the list. Fails if there is none for long.
    pub(in crate::send) async fn acquire_slot(
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
    pub(in crate::send) async fn call<T>(
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

    /// Notes that a provider is about to be called with this notification. Fails if the lease is lost: rendering may
    /// have taken longer than the lease lasted.
    pub(in crate::send) fn begin_call(
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
