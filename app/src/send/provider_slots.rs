//! How many calls of each provider are open, across all tasks of this process, and who may open the next one.
//!
//! A provider's `concurrency` is reached whatever the sizes of batches, because a slot belongs to a message and not to a
//! task. A free slot goes to the service that has the fewest calls open, and no service gets the last one of a provider, so
//! a service whose messages hang leaves room for the others. A message takes any provider of its channel that has room:
//! one whose calls hang keeps only what it has.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use domain::{Lane, RandomSource, ServiceId, Timestamp};
use providers::SendError;
use tokio::sync::oneshot;

use super::provider_selection::draw;

/// How long a failed call lowers a provider's share of the draw.
const FAILURE_MEMORY: Duration = Duration::from_mins(1);
/// Each failure in a row halves the share, down to a sixty-fourth: a provider must be tried to be found well again.
const MAX_HALVINGS: u32 = 6;

/// Messages that share a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Flow {
    pub(super) service: ServiceId,
    pub(super) lane: Lane,
}

/// The slots of the providers of one channel, by their place in the list of providers. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct ProviderSlots(Arc<Mutex<State>>);

/// The right to one open call of a provider, until it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    slots: ProviderSlots,
    provider: usize,
    flow: Flow,
}

#[derive(Debug)]
struct State {
    providers: Vec<ProviderState>,
    /// Longest waiting first.
    waiters: Vec<Waiter>,
}

#[derive(Debug)]
struct ProviderState {
    priority: u32,
    concurrency: usize,
    open: HashMap<Flow, usize>,
    failures: u32,
    failed_at: Option<Timestamp>,
}

#[derive(Debug)]
struct Waiter {
    flow: Flow,
    candidates: Vec<usize>,
    grant: oneshot::Sender<Slot>,
}

impl ProviderSlots {
    /// Creates the slots of providers with these priorities and concurrencies.
    pub(super) fn new(providers: impl Iterator<Item = (u32, usize)>) -> Self {
        let providers = providers.map(|(priority, concurrency)| ProviderState {
            priority,
            concurrency: concurrency.max(1),
            open: HashMap::new(),
            failures: 0,
            failed_at: None,
        });
        Self(Arc::new(Mutex::new(State {
            providers: providers.collect(),
            waiters: Vec::new(),
        })))
    }

    /// Returns how many calls can be open at a time.
    pub(super) fn total(&self) -> usize {
        let state = self.lock();
        state.providers.iter().map(|one| one.concurrency).sum()
    }

    /// Returns the providers among `candidates` that get a share: not those of priority 0 beside others.
    pub(super) fn with_share(&self, candidates: impl Iterator<Item = usize>) -> Vec<usize> {
        let state = self.lock();
        let all: Vec<usize> = candidates.collect();
        let has_share = |index: &usize| state.providers[*index].priority > 0;
        if all.iter().any(has_share) {
            all.into_iter().filter(has_share).collect()
        } else {
            all
        }
    }

    /// Returns a slot of one of these providers: of those with room the one that is drawn, or the first that gets room.
    pub(super) async fn acquire(
        &self,
        flow: Flow,
        candidates: Vec<usize>,
        random: &dyn RandomSource,
        now: Timestamp,
    ) -> Slot {
        let granted = {
            let mut state = self.lock();
            if let Some(provider) = state.draw(flow, &candidates, random, now) {
                state.providers[provider].open(flow);
                return self.slot(provider, flow);
            }
            let (grant, granted) = oneshot::channel();
            state.waiters.push(Waiter {
                flow,
                candidates,
                grant,
            });
            granted
        };
        granted
            .await
            .expect("a waiter is dropped only with its slot")
    }

    fn slot(&self, provider: usize, flow: Flow) -> Slot {
        Slot {
            slots: self.clone(),
            provider,
            flow,
        }
    }

    fn release(&self, provider: usize, flow: Flow) {
        let mut state = self.lock();
        state.providers[provider].close(flow);
        let mut grants = Vec::new();
        while let Some(waiter) = state.next_waiter(provider) {
            state.providers[provider].open(waiter.flow);
            grants.push((waiter.grant, self.slot(provider, waiter.flow)));
        }
        drop(state);
        for (grant, slot) in grants {
            // Without the lock: the slot of a waiter that is gone comes back and is dropped, which releases it again.
            drop(grant.send(slot));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no one panics holding it")
    }
}

impl Slot {
    /// Returns the provider, as its place in the list of providers.
    pub(super) const fn provider(&self) -> usize {
        self.provider
    }

    /// Records how the call ended, for the next draws.
    pub(super) fn record<T>(&self, sent: &Result<T, SendError>, now: Timestamp) {
        let failed = matches!(
            sent,
            Err(SendError::Unknown { .. } | SendError::Unavailable { .. })
        );
        let provider = &mut self.slots.lock().providers[self.provider];
        provider.failures = if failed { provider.failures + 1 } else { 0 };
        provider.failed_at = failed.then_some(now);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.release(self.provider, self.flow);
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
        let has_room = |index: &&usize| self.providers[**index].has_room_for(flow.service);
        let with_room: Vec<usize> = candidates.iter().filter(has_room).copied().collect();
        let weights: Vec<u64> = with_room
            .iter()
            .map(|index| self.providers[*index].weight(now))
            .collect();
        draw(&weights, random).map(|drawn| with_room[drawn])
    }

    /// Removes the waiter who gets the next slot of this provider.
    fn next_waiter(&mut self, provider: usize) -> Option<Waiter> {
        self.waiters.retain(|waiter| !waiter.grant.is_closed());
        let state = &self.providers[provider];
        let (place, _) = self
            .waiters
            .iter()
            .enumerate()
            .filter(|(_, waiter)| waiter.candidates.contains(&provider))
            .filter(|(_, waiter)| state.has_room_for(waiter.flow.service))
            // Of equals the first one: the longest waiting.
            .min_by_key(|(_, waiter)| state.rank(waiter.flow))?;
        Some(self.waiters.remove(place))
    }
}

impl ProviderState {
    fn has_room_for(&self, service: ServiceId) -> bool {
        let all: usize = self.open.values().sum();
        // The last slot is for another service, unless there is only one.
        let most = (self.concurrency - 1).max(1);
        all < self.concurrency && self.open_of(service) < most
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

    fn open(&mut self, flow: Flow) {
        *self.open.entry(flow).or_default() += 1;
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

    fn weight(&self, now: Timestamp) -> u64 {
        let is_recent = |at: Timestamp| now.since(at) < FAILURE_MEMORY;
        let halvings = if self.failed_at.is_some_and(is_recent) {
            self.failures.min(MAX_HALVINGS)
        } else {
            0
        };
        (u64::from(self.priority) << MAX_HALVINGS) >> halvings
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use uuid::Uuid;

    use super::*;

    /// Draws the first of all.
    #[derive(Debug)]
    struct First;

    impl RandomSource for First {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_000_000);

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
        Box::pin(async move { slots.acquire(flow, candidates, &First, NOW).await })
    }

    #[test]
    fn one_service_gets_all_slots_but_one_and_two_get_all() {
        let slots = ProviderSlots::new([(100, 3)].into_iter());
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
        let slots = ProviderSlots::new([(100, 1)].into_iter());
        assert!(
            acquire(&slots, flow(1, Lane::Normal), &[0])
                .now_or_never()
                .is_some()
        );
    }

    #[test]
    fn a_free_slot_goes_to_the_service_with_the_fewest_calls_and_then_to_the_first_lane() {
        let slots = ProviderSlots::new([(100, 3)].into_iter());
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
        let slots = ProviderSlots::new([(100, 2), (1, 2)].into_iter());
        let ours = flow(1, Lane::Normal);
        let taken: Vec<Slot> = (0..2)
            .map(|_| acquire(&slots, ours, &[0, 1]).now_or_never().unwrap())
            .collect();
        let providers: Vec<usize> = taken.iter().map(Slot::provider).collect();
        assert_eq!(providers, [0, 1]);
    }

    #[test]
    fn a_waiter_that_is_gone_keeps_no_slot() {
        let slots = ProviderSlots::new([(100, 1)].into_iter());
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
    fn failures_in_a_row_lower_the_share_until_a_message_is_taken() {
        let slots = ProviderSlots::new([(50, 9), (50, 9)].into_iter());
        let weight = |provider: usize, at: Timestamp| slots.lock().providers[provider].weight(at);
        let slot = acquire(&slots, flow(1, Lane::Normal), &[0])
            .now_or_never()
            .unwrap();
        let timed_out = Err::<(), _>(SendError::unknown("no answer"));
        for _ in 0..3 {
            slot.record(&timed_out, NOW);
        }
        assert_eq!(weight(1, NOW) / weight(0, NOW), 8);
        for _ in 0..100 {
            slot.record(&timed_out, NOW);
        }
        assert_eq!(weight(1, NOW) / weight(0, NOW), 64);
        assert_eq!(weight(0, NOW.plus(FAILURE_MEMORY)), weight(1, NOW));
        slot.record(&Ok(()), NOW);
        assert_eq!(weight(0, NOW), weight(1, NOW));
    }

    #[test]
    fn a_provider_of_priority_zero_has_a_share_only_among_its_like() {
        let slots = ProviderSlots::new([(0, 1), (100, 1), (0, 1)].into_iter());
        assert_eq!(slots.with_share(0..3), [1]);
        assert_eq!(slots.with_share([0, 2].into_iter()), [0, 2]);
    }
}
