//! How many calls of each provider are open, across all tasks of this process, and who may open the next one.
//!
//! A provider's `concurrency` is reached whatever the sizes of batches, because a slot belongs to a message and not to a
//! task. A free slot goes to the service that has the fewest calls open, and no service gets the last one of a provider, so
//! a service whose messages hang leaves room for the others. A message takes any provider of its channel that has room:
//! one whose calls hang keeps only what it has. A provider has no room either while its breaker is open, its rate limit is
//! used up, or its quota of the day.

mod state;
#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use domain::{Clock, Lane, RandomSource, ServiceId, Timestamp};
use providers::SendError;
use tokio::{sync::oneshot, time};

use state::{ProviderState, State, Waiter};

use super::{
    breaker::{BreakerChange, BreakerState},
    provider_selection::Configured,
};

/// Messages that share a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::send) struct Flow {
    pub(in crate::send) service: ServiceId,
    pub(in crate::send) lane: Lane,
}

/// The slots of the providers of one channel, by their place in the list of providers. Cheap to clone.
#[derive(Debug, Clone)]
pub(in crate::send) struct ProviderSlots {
    state: Arc<Mutex<State>>,
    clock: Arc<dyn Clock>,
}

/// The right to one open call of a provider, until it is dropped.
#[derive(Debug)]
pub(in crate::send) struct Slot {
    slots: ProviderSlots,
    provider: usize,
    flow: Flow,
    /// Whether it was granted to find out if the provider is well again.
    is_probe: bool,
    was_called: bool,
}

/// Why none of the providers takes a message now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::send) enum Unavailable {
    /// Their breakers are open, at least until then.
    BreakersOpen {
        until: Timestamp,
        failing_since: Timestamp,
    },
    /// Their quotas of the day are used up.
    QuotasUsedUp,
}

/// A provider's part in the draw, as its row has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::send) struct Share {
    pub(in crate::send) priority: u32,
    pub(in crate::send) active: bool,
    pub(in crate::send) supports_international: bool,
}

impl Share {
    /// Returns the share that the settings give a provider.
    pub(in crate::send) const fn of(configured: &Configured<'_>) -> Self {
        Self {
            priority: configured.priority,
            active: true,
            supports_international: configured.supports_international,
        }
    }
}

impl ProviderSlots {
    /// Creates the slots of these providers.
    pub(in crate::send) fn new<'a>(
        providers: impl Iterator<Item = Configured<'a>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let state = State {
            providers: providers.map(|one| ProviderState::new(&one)).collect(),
            waiters: Vec::new(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            clock,
        }
    }

    /// Sets the shares of the providers, in their order.
    pub(in crate::send) fn set_shares(&self, shares: &[Share]) {
        let mut state = self.lock();
        for (provider, share) in state.providers.iter_mut().zip(shares) {
            provider.share = *share;
        }
    }

    /// Returns how many messages of its quota a provider has reserved; without a quota none.
    pub(in crate::send) fn reserved(&self, provider: usize) -> Option<u64> {
        self.lock().providers[provider].reserved
    }

    /// Adds messages of its quota to those that a provider has reserved.
    pub(in crate::send) fn add_reserved(&self, provider: usize, count: u64) {
        if let Some(reserved) = &mut self.lock().providers[provider].reserved {
            *reserved += count;
        }
    }

    /// Forgets what was reserved for a day that is over.
    pub(in crate::send) fn clear_reserved(&self, provider: usize) {
        if let Some(reserved) = &mut self.lock().providers[provider].reserved {
            *reserved = 0;
        }
    }

    /// Returns the state of every provider's breaker, in their order.
    pub(in crate::send) fn breakers(&self) -> Vec<BreakerState> {
        let now = self.clock.now();
        let state = self.lock();
        state
            .providers
            .iter()
            .map(|one| one.breaker.state(now))
            .collect()
    }

    /// Returns how many calls can be open at a time.
    pub(in crate::send) fn total(&self) -> usize {
        let state = self.lock();
        state.providers.iter().map(|one| one.concurrency).sum()
    }

    /// Returns the providers among `candidates` that get a share: the active ones, without those of priority 0 beside
    /// others. `international` leaves out those that send to this country only.
    pub(in crate::send) fn with_share(
        &self,
        candidates: impl Iterator<Item = usize>,
        international: bool,
    ) -> Vec<usize> {
        let state = self.lock();
        let share = |index: &usize| state.providers[*index].share;
        let all: Vec<usize> = candidates
            .filter(|index| share(index).active)
            .filter(|index| !international || share(index).supports_international)
            .collect();
        let has_share = |index: &usize| share(index).priority > 0;
        if all.iter().any(has_share) {
            all.into_iter().filter(has_share).collect()
        } else {
            all
        }
    }

    /// Returns why none of these providers takes messages for a while, if that is so.
    pub(in crate::send) fn unavailable(&self, candidates: &[usize]) -> Option<Unavailable> {
        let now = self.clock.now();
        let state = self.lock();
        let mut opened: Option<(Timestamp, Timestamp)> = None;
        for index in candidates {
            let provider = &state.providers[*index];
            if provider.reserved == Some(0) {
                continue;
            }
            let BreakerState::Open(until) = provider.breaker.state(now) else {
                return None;
            };
            let since = provider.breaker.failing_since().unwrap_or(now);
            // The first that will take a message again, and the one that has failed for the shortest time.
            opened = Some(match opened {
                Some((first, latest)) => (first.min(until), latest.max(since)),
                None => (until, since),
            });
        }
        Some(
            opened.map_or(Unavailable::QuotasUsedUp, |(until, failing_since)| {
                Unavailable::BreakersOpen {
                    until,
                    failing_since,
                }
            }),
        )
    }

    /// Returns a slot of one of these providers: of those with room the one that is drawn, or the first that gets room.
    pub(in crate::send) async fn acquire(
        &self,
        flow: Flow,
        candidates: &[usize],
        random: &dyn RandomSource,
    ) -> Slot {
        let mut granted = {
            let mut state = self.lock();
            let now = self.clock.now();
            if let Some(provider) = state.draw(flow, candidates, random, now) {
                let is_probe = state.providers[provider].open(flow, now);
                return self.slot(provider, flow, is_probe);
            }
            let (grant, granted) = oneshot::channel();
            state.waiters.push(Waiter {
                flow,
                candidates: candidates.to_vec(),
                grant,
            });
            granted
        };
        loop {
            // Nothing signals that a rate limit has a token again, so a message that waits polls.
            let next_token = async {
                match self.next_token(candidates) {
                    // There is one, and another message may take it with the slot that is missing.
                    Some(Duration::ZERO) => time::sleep(TOKEN_POLL).await,
                    Some(wait) => time::sleep(wait.max(MIN_WAIT)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                slot = &mut granted => return slot.expect("a waiter is dropped only with its slot"),
                () = next_token => candidates.iter().for_each(|provider| self.grant(*provider)),
            }
        }
    }

    /// Returns the time until one of these providers has a token again, if one of them waits for that.
    fn next_token(&self, candidates: &[usize]) -> Option<Duration> {
        let now = self.clock.now();
        let state = self.lock();
        let limits = candidates
            .iter()
            .filter_map(|index| state.providers[*index].rate_limit.as_ref());
        limits.map(|limit| limit.wait(now)).min()
    }

    fn slot(&self, provider: usize, flow: Flow, is_probe: bool) -> Slot {
        Slot {
            slots: self.clone(),
            provider,
            flow,
            is_probe,
            was_called: false,
        }
    }

    fn release(&self, slot: &Slot) {
        {
            let provider = &mut self.lock().providers[slot.provider];
            provider.close(slot.flow);
            if slot.is_probe {
                provider.is_probed = false;
            }
            if !slot.was_called {
                provider.put_back();
            }
        }
        self.grant(slot.provider);
    }

    /// Gives the slots of a provider that are free to those who wait.
    fn grant(&self, provider: usize) {
        let mut grants = Vec::new();
        {
            let mut state = self.lock();
            let now = self.clock.now();
            while let Some(waiter) = state.next_waiter(provider, now) {
                let is_probe = state.providers[provider].open(waiter.flow, now);
                grants.push((waiter.grant, self.slot(provider, waiter.flow, is_probe)));
            }
        }
        for (grant, slot) in grants {
            // Without the lock: the slot of a waiter that is gone comes back and is dropped, which releases it again.
            drop(grant.send(slot));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no one panics holding it")
    }
}

/// Tokens come more often than timers can fire.
const MIN_WAIT: Duration = Duration::from_millis(1);

/// How often a message that waits for a slot looks whether it must wait for a token too.
const TOKEN_POLL: Duration = Duration::from_millis(20);

impl Slot {
    /// Returns the provider, as its place in the list of providers.
    pub(in crate::send) const fn provider(&self) -> usize {
        self.provider
    }

    /// Says that the provider is called now: what it costs of the provider's limits is spent.
    pub(in crate::send) const fn begin_call(&mut self) {
        self.was_called = true;
    }

    /// Records how the call ended, for the next draws. Returns whether that opened or closed the provider's breaker.
    pub(in crate::send) fn record<T>(
        &self,
        sent: &Result<T, SendError>,
        now: Timestamp,
    ) -> Option<BreakerChange> {
        let failed = matches!(
            sent,
            Err(SendError::Unknown { .. } | SendError::Unavailable { .. })
        );
        let provider = &mut self.slots.lock().providers[self.provider];
        provider.breaker.record(failed, now)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let slots = self.slots.clone();
        slots.release(self);
    }
}
