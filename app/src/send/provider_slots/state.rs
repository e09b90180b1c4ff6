//! What is open, who waits, and who is next.

use std::collections::HashMap;

use domain::{Lane, RandomSource, ServiceId, Timestamp};
use tokio::sync::oneshot;

use super::{Flow, Share, Slot};
use crate::send::{
    breaker::{Breaker, BreakerState},
    provider_selection::{Configured, draw},
    rate_limit::RateLimit,
};

#[derive(Debug)]
pub(super) struct State {
    pub(super) providers: Vec<ProviderState>,
    /// Longest waiting first.
    pub(super) waiters: Vec<Waiter>,
}

#[derive(Debug)]
pub(super) struct ProviderState {
    pub(super) share: Share,
    pub(super) concurrency: usize,
    pub(super) open: HashMap<Flow, usize>,
    pub(super) breaker: Breaker,
    pub(super) is_probed: bool,
    pub(super) rate_limit: Option<RateLimit>,
    /// Messages of the daily quota that this process has reserved; without a quota none.
    pub(super) reserved: Option<u64>,
}

#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) flow: Flow,
    pub(super) candidates: Vec<usize>,
    pub(super) grant: oneshot::Sender<Slot>,
}

impl State {
    pub(super) fn draw(
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
    pub(super) fn next_waiter(&mut self, provider: usize, now: Timestamp) -> Option<Waiter> {
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
    pub(super) fn new(configured: &Configured<'_>) -> Self {
        Self {
            share: Share::of(configured),
            concurrency: configured.concurrency.max(1),
            open: HashMap::new(),
            breaker: Breaker::default(),
            is_probed: false,
            rate_limit: configured.limits.per_second.map(RateLimit::new),
            reserved: configured.limits.daily_quota.map(|_| 0),
        }
    }

    pub(super) fn has_room_for(&self, service: ServiceId, now: Timestamp) -> bool {
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

    pub(super) fn open_of(&self, service: ServiceId) -> usize {
        let flows = self.open.iter();
        flows
            .filter(|(flow, _)| flow.service == service)
            .map(|(_, count)| count)
            .sum()
    }

    /// The order of waiters: services with the fewest open calls first, then lanes with the fewest, then the lanes' order.
    pub(super) fn rank(&self, flow: Flow) -> (usize, usize, Lane) {
        let of_flow = self.open.get(&flow).copied().unwrap_or(0);
        (self.open_of(flow.service), of_flow, flow.lane)
    }

    /// Opens a call. Returns whether it finds out if the provider is well again.
    pub(super) fn open(&mut self, flow: Flow, now: Timestamp) -> bool {
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

    pub(super) fn close(&mut self, flow: Flow) {
        if let Some(count) = self.open.get_mut(&flow) {
            *count -= 1;
            // Services come and go; an entry for each that ever sent anything would grow without end.
            if *count == 0 {
                self.open.remove(&flow);
            }
        }
    }

    /// Puts back what a message cost that was not sent after all.
    pub(super) fn put_back(&mut self) {
        if let Some(limit) = &mut self.rate_limit {
            limit.put_back();
        }
        if let Some(reserved) = &mut self.reserved {
            *reserved += 1;
        }
    }

    pub(super) fn weight(&self, now: Timestamp) -> u64 {
        self.breaker.weight(self.share.priority, now)
    }
}
