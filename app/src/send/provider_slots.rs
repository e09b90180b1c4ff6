//! How many calls of each provider are open, across all tasks of this process, and who may open the next one.
//!
//! A provider's `concurrency` is reached whatever the sizes of batches, because a slot belongs to a message and not to a
//! task. A free slot goes to the service that has the fewest calls open, and no service gets the last one of a provider, so
//! a service whose messages hang leaves room for the others. A message takes any provider of its channel that has room:
//! one whose calls hang keeps only what it has. A provider has no room either while its breaker is open, its rate limit is
//! used up, or its quota of the day.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use domain::{Clock, Lane, RandomSource, ServiceId, Timestamp};
use providers::SendError;
use tokio::{sync::oneshot, time};

use super::{
    breaker::{Breaker, BreakerChange, BreakerState},
    provider_selection::{Configured, draw},
    rate_limit::RateLimit,
};

/// Messages that share a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Flow {
    pub(super) service: ServiceId,
    pub(super) lane: Lane,
}

/// The slots of the providers of one channel, by their place in the list of providers. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct ProviderSlots {
    state: Arc<Mutex<State>>,
    clock: Arc<dyn Clock>,
}

/// The right to one open call of a provider, until it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    slots: ProviderSlots,
    provider: usize,
    flow: Flow,
    /// Whether it was granted to find out if the provider is well again.
    is_probe: bool,
    was_called: bool,
}

/// Why none of the providers takes a message now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unavailable {
    /// Their breakers are open, at least until then.
    BreakersOpen {
        until: Timestamp,
        failing_since: Timestamp,
    },
    /// Their quotas of the day are used up.
    QuotasUsedUp,
}

#[derive(Debug)]
struct State {
    providers: Vec<ProviderState>,
    /// Longest waiting first.
    waiters: Vec<Waiter>,
}

/// A provider's part in the draw, as its row has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) priority: u32,
    pub(super) active: bool,
    pub(super) supports_international: bool,
}

impl Share {
    /// Returns the share that the settings give a provider.
    pub(super) const fn of(configured: &Configured<'_>) -> Self {
        Self {
            priority: configured.priority,
            active: true,
            supports_international: configured.supports_international,
        }
    }
}

#[derive(Debug)]
struct ProviderState {
    share: Share,
    concurrency: usize,
    open: HashMap<Flow, usize>,
    breaker: Breaker,
    is_probed: bool,
    rate_limit: Option<RateLimit>,
    /// Messages of the daily quota that this process has reserved; without a quota none.
    reserved: Option<u64>,
}

#[derive(Debug)]
struct Waiter {
    flow: Flow,
    candidates: Vec<usize>,
    grant: oneshot::Sender<Slot>,
}

impl ProviderSlots {
    /// Creates the slots of these providers.
    pub(super) fn new<'a>(
        providers: impl Iterator<Item = Configured<'a>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let providers = providers.map(|one| ProviderState {
            share: Share::of(&one),
            concurrency: one.concurrency.max(1),
            open: HashMap::new(),
            breaker: Breaker::default(),
            is_probed: false,
            rate_limit: one.limits.per_second.map(RateLimit::new),
            reserved: one.limits.daily_quota.map(|_| 0),
        });
        let state = State {
            providers: providers.collect(),
            waiters: Vec::new(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            clock,
        }
    }

    /// Sets the shares of the providers, in their order.
    pub(super) fn set_shares(&self, shares: &[Share]) {
        let mut state = self.lock();
        for (provider, share) in state.providers.iter_mut().zip(shares) {
            provider.share = *share;
        }
    }

    /// Returns how many messages of its quota a provider has reserved; without a quota none.
    pub(super) fn reserved(&self, provider: usize) -> Option<u64> {
        self.lock().providers[provider].reserved
    }

    /// Adds messages of its quota to those that a provider has reserved.
    pub(super) fn add_reserved(&self, provider: usize, count: u64) {
        if let Some(reserved) = &mut self.lock().providers[provider].reserved {
            *reserved += count;
        }
    }

    /// Forgets what was reserved for a day that is over.
    pub(super) fn clear_reserved(&self, provider: usize) {
        if let Some(reserved) = &mut self.lock().providers[provider].reserved {
            *reserved = 0;
        }
    }

    /// Returns the state of every provider's breaker, in their order.
    pub(super) fn breakers(&self) -> Vec<BreakerState> {
        let now = self.clock.now();
        let state = self.lock();
        state
            .providers
            .iter()
            .map(|one| one.breaker.state(now))
            .collect()
    }

    /// Returns how many calls can be open at a time.
    pub(super) fn total(&self) -> usize {
        let state = self.lock();
        state.providers.iter().map(|one| one.concurrency).sum()
    }

    /// Returns the providers among `candidates` that get a share: the active ones, without those of priority 0 beside
    /// others. `international` leaves out those that send to this country only.
    pub(super) fn with_share(
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
    pub(super) fn unavailable(&self, candidates: &[usize]) -> Option<Unavailable> {
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
    pub(super) async fn acquire(
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
    pub(super) const fn provider(&self) -> usize {
        self.provider
    }

    /// Says that the provider is called now: what it costs of the provider's limits is spent.
    pub(super) const fn begin_call(&mut self) {
        self.was_called = true;
    }

    /// Records how the call ended, for the next draws. Returns whether that opened or closed the provider's breaker.
    pub(super) fn record<T>(
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

impl State {
    fn draw(
        &self,
        flow: Flow,
        candidates: &[usize],
        random: &dyn RandomSource,
        now: Timestamp,
    ) -> Option<usize> {
        let has_room = |index: &&usize| self.providers[**index].has_room_for(flow.service, now);
        let with_room: Vec<usize> = candidates.iter().filter(has_room).copied().collect();
        let weights: Vec<u64> = with_room
            .iter()
            .map(|index| self.providers[*index].weight(now))
            .collect();
        draw(&weights, random).map(|drawn| with_room[drawn])
    }

    /// Removes the waiter who gets the next slot of this provider.
    fn next_waiter(&mut self, provider: usize, now: Timestamp) -> Option<Waiter> {
        self.waiters.retain(|waiter| !waiter.grant.is_closed());
        let state = &self.providers[provider];
        let (place, _) = self
            .waiters
            .iter()
            .enumerate()
            .filter(|(_, waiter)| waiter.candidates.contains(&provider))
            .filter(|(_, waiter)| state.has_room_for(waiter.flow.service, now))
            // Of equals the first one: the longest waiting.
            .min_by_key(|(_, waiter)| state.rank(waiter.flow))?;
        Some(self.waiters.remove(place))
    }
}

impl ProviderState {
    fn has_room_for(&self, service: ServiceId, now: Timestamp) -> bool {
        let all: usize = self.open.values().sum();
        // The last slot is for another service, unless there is only one.
        let most = (self.concurrency - 1).max(1);
        let is_allowed = match self.breaker.state(now) {
            BreakerState::Closed => true,
            BreakerState::HalfOpen => !self.is_probed,
            BreakerState::Open(_) => false,
        };
        is_allowed
            && self.reserved != Some(0)
            && all < self.concurrency
            && self.open_of(service) < most
            && self
                .rate_limit
                .as_ref()
                .is_none_or(|limit| limit.wait(now).is_zero())
    }

    fn open_of(&self, service: ServiceId) -> usize {
        let flows = self.open.iter();
        flows
            .filter(|(flow, _)| flow.service == service)
            .map(|(_, count)| count)
            .sum()
    }

    /// The order of waiters: services with the fewest open calls first, then lanes with the fewest, then the lanes' order.
    fn rank(&self, flow: Flow) -> (usize, usize, Lane) {
        let of_flow = self.open.get(&flow).copied().unwrap_or(0);
        (self.open_of(flow.service), of_flow, flow.lane)
    }

    /// Opens a call. Returns whether it finds out if the provider is well again.
    fn open(&mut self, flow: Flow, now: Timestamp) -> bool {
        *self.open.entry(flow).or_default() += 1;
        if let Some(limit) = &mut self.rate_limit {
            limit.take(now);
        }
        if let Some(reserved) = &mut self.reserved {
            *reserved -= 1;
        }
        let is_probe = self.breaker.state(now) == BreakerState::HalfOpen;
        self.is_probed |= is_probe;
        is_probe
    }

    fn close(&mut self, flow: Flow) {
        if let Some(count) = self.open.get_mut(&flow) {
            *count -= 1;
            // Services come and go; an entry for each that ever sent anything would grow without end.
            if *count == 0 {
                self.open.remove(&flow);
            }
        }
    }

    /// Puts back what a message cost that was not sent after all.
    fn put_back(&mut self) {
        if let Some(limit) = &mut self.rate_limit {
            limit.put_back();
        }
        if let Some(reserved) = &mut self.reserved {
            *reserved += 1;
        }
    }

    fn weight(&self, now: Timestamp) -> u64 {
        self.breaker.weight(self.share.priority, now)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use uuid::Uuid;

    use super::*;
    use crate::send::provider_selection::ProviderLimits;

    /// Draws the first of all.
    #[derive(Debug)]
    struct First;

    impl RandomSource for First {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_000_000);

    /// A clock that stands still until it is set.
    #[derive(Debug)]
    struct FixedClock(Mutex<Timestamp>);

    impl FixedClock {
        fn set(&self, now: Timestamp) {
            *self.0.lock().unwrap() = now;
        }
    }

    impl Clock for FixedClock {
        fn now(&self) -> Timestamp {
            *self.0.lock().unwrap()
        }
    }

    const fn configured(priority: u32, concurrency: usize) -> Configured<'static> {
        Configured {
            name: "any",
            priority,
            concurrency,
            supports_international: false,
            limits: ProviderLimits {
                per_second: None,
                daily_quota: None,
            },
        }
    }

    fn slots_and_clock<const N: usize>(
        providers: [(u32, usize); N],
    ) -> (ProviderSlots, Arc<FixedClock>) {
        let clock = Arc::new(FixedClock(Mutex::new(NOW)));
        let configured = providers.map(|(priority, concurrency)| configured(priority, concurrency));
        (
            ProviderSlots::new(configured.into_iter(), clock.clone()),
            clock,
        )
    }

    fn slots_of<const N: usize>(providers: [(u32, usize); N]) -> ProviderSlots {
        slots_and_clock(providers).0
    }

    fn flow(service: u128, lane: Lane) -> Flow {
        Flow {
            service: Uuid::from_u128(service).into(),
            lane,
        }
    }

    fn acquire(
        slots: &ProviderSlots,
        flow: Flow,
        candidates: &[usize],
    ) -> impl Future<Output = Slot> + Unpin + use<> {
        let (slots, candidates) = (slots.clone(), candidates.to_vec());
        Box::pin(async move { slots.acquire(flow, &candidates, &First).await })
    }

    #[test]
    fn one_service_gets_all_slots_but_one_and_two_get_all() {
        let slots = slots_of([(100, 3)]);
        let (ours, theirs) = (flow(1, Lane::Normal), flow(2, Lane::Bulk));
        let first = acquire(&slots, ours, &[0]).now_or_never().unwrap();
        let _second = acquire(&slots, ours, &[0]).now_or_never().unwrap();
        let mut third = acquire(&slots, ours, &[0]);
        assert!((&mut third).now_or_never().is_none());
        let _other = acquire(&slots, theirs, &[0]).now_or_never().unwrap();
        drop(first);
        assert!(third.now_or_never().is_some());
    }

    #[test]
    fn the_only_slot_of_a_provider_goes_to_whoever_comes() {
        let slots = slots_of([(100, 1)]);
        assert!(
            acquire(&slots, flow(1, Lane::Normal), &[0])
                .now_or_never()
                .is_some()
        );
    }

    #[test]
    fn a_free_slot_goes_to_the_service_with_the_fewest_calls_and_then_to_the_first_lane() {
        let slots = slots_of([(100, 3)]);
        let bulk = flow(1, Lane::Bulk);
        let first = acquire(&slots, bulk, &[0]).now_or_never().unwrap();
        let second = acquire(&slots, bulk, &[0]).now_or_never().unwrap();
        let other = acquire(&slots, flow(2, Lane::Bulk), &[0])
            .now_or_never()
            .unwrap();

        let mut more_bulk = acquire(&slots, bulk, &[0]);
        let mut urgent = acquire(&slots, flow(1, Lane::Priority), &[0]);
        let mut small = acquire(&slots, flow(3, Lane::Bulk), &[0]);
        for waiting in [&mut more_bulk, &mut urgent, &mut small] {
            assert!(waiting.now_or_never().is_none());
        }
        drop(first);
        let small = small.now_or_never().expect("the third service has none");
        assert!((&mut urgent).now_or_never().is_none());
        drop(second);
        let _urgent = urgent.now_or_never().expect("the lane has none");
        assert!((&mut more_bulk).now_or_never().is_none());
        drop((small, other));
        assert!(more_bulk.now_or_never().is_some());
    }

    #[test]
    fn a_provider_without_room_is_passed_over() {
        let slots = slots_of([(100, 2), (1, 2)]);
        let ours = flow(1, Lane::Normal);
        let taken: Vec<Slot> = (0..2)
            .map(|_| acquire(&slots, ours, &[0, 1]).now_or_never().unwrap())
            .collect();
        let providers: Vec<usize> = taken.iter().map(Slot::provider).collect();
        assert_eq!(providers, [0, 1]);
    }

    #[test]
    fn a_waiter_that_is_gone_keeps_no_slot() {
        let slots = slots_of([(100, 1)]);
        let ours = flow(1, Lane::Normal);
        let first = acquire(&slots, ours, &[0]).now_or_never().unwrap();
        let (mut gone, mut granted) = (acquire(&slots, ours, &[0]), acquire(&slots, ours, &[0]));
        assert!((&mut gone).now_or_never().is_none());
        assert!((&mut granted).now_or_never().is_none());
        drop(gone);
        drop(first);
        // Granted, and dropped before it was looked at.
        drop(granted);
        assert!(acquire(&slots, ours, &[0]).now_or_never().is_some());
    }

    #[test]
    fn a_provider_whose_breaker_is_open_gets_one_call_after_a_while() {
        let (slots, clock) = slots_and_clock([(50, 9)]);
        let ours = flow(1, Lane::Normal);
        let slot = acquire(&slots, ours, &[0]).now_or_never().unwrap();
        assert_eq!(slots.unavailable(&[0]), None);
        let timed_out = Err::<(), _>(SendError::unknown("no answer"));
        for _ in 0..10 {
            slot.record(&timed_out, NOW);
        }
        assert!(matches!(
            slots.unavailable(&[0]),
            Some(Unavailable::BreakersOpen {
                failing_since: NOW,
                ..
            })
        ));
        assert!(acquire(&slots, ours, &[0]).now_or_never().is_none());
        clock.set(NOW.plus(Duration::from_secs(10)));
        assert_eq!(slots.unavailable(&[0]), None);
        let probe = acquire(&slots, ours, &[0]).now_or_never().unwrap();
        assert!(
            acquire(&slots, ours, &[0]).now_or_never().is_none(),
            "one at a time"
        );
        probe.record(&Ok(()), clock.now());
        drop(probe);
        let _first = acquire(&slots, ours, &[0]).now_or_never().unwrap();
        let _second = acquire(&slots, ours, &[0]).now_or_never().unwrap();
    }

    #[test]
    fn what_was_not_sent_costs_nothing_of_the_limits() {
        let limits = ProviderLimits {
            per_second: Some(10),
            daily_quota: Some(1000),
        };
        let clock = Arc::new(FixedClock(Mutex::new(NOW)));
        let configured = Configured {
            limits,
            ..configured(100, 9)
        };
        let slots = ProviderSlots::new(std::iter::once(configured), clock.clone());
        let ours = flow(1, Lane::Normal);
        assert_eq!(slots.unavailable(&[0]), Some(Unavailable::QuotasUsedUp));
        slots.add_reserved(0, 2);
        drop(acquire(&slots, ours, &[0]).now_or_never().unwrap());
        let mut slot = acquire(&slots, ours, &[0]).now_or_never().unwrap();
        slot.begin_call();
        drop(slot);
        assert_eq!(slots.reserved(0), Some(1));
        let draw = |slots: &ProviderSlots| slots.lock().draw(ours, &[0], &First, clock.now());
        assert_eq!(draw(&slots), None, "the rate limit has no token");
        clock.set(NOW.plus(Duration::from_millis(100)));
        assert_eq!(draw(&slots), Some(0));
    }

    #[test]
    fn an_inactive_provider_and_one_for_this_country_only_are_left_out() {
        let slots = slots_of([(50, 1), (50, 1), (0, 1)]);
        let share = |active, supports_international| Share {
            priority: 50,
            active,
            supports_international,
        };
        slots.set_shares(&[share(true, false), share(true, true), share(false, true)]);
        assert_eq!(slots.with_share(0..3, false), [0, 1]);
        assert_eq!(slots.with_share(0..3, true), [1]);
        assert_eq!(slots.with_share([2].into_iter(), false), [0usize; 0]);
    }

    #[test]
    fn a_provider_of_priority_zero_has_a_share_only_among_its_like() {
        let slots = slots_of([(0, 1), (100, 1), (0, 1)]);
        assert_eq!(slots.with_share(0..3, false), [1]);
        assert_eq!(slots.with_share([0, 2].into_iter(), false), [0, 2]);
    }
}
