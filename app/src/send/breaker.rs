//! The circuit breaker of a provider (`docs/spec/workers.md` §7.2 Build): one mechanism, in steps. Each failed call in a row
//! halves the provider's weight; after ten it gets no calls for ten seconds, and then one at a time until one succeeds.

use std::time::Duration;

use domain::Timestamp;

/// How long a failed call lowers a provider's weight.
const FAILURE_MEMORY: Duration = Duration::from_mins(1);
/// Each failure in a row halves the weight, down to a sixty-fourth: a provider must be tried to be found well again.
pub(super) const MAX_HALVINGS: u32 = 6;
/// Failures in a row after which a provider gets no calls for a while.
const OPEN_AFTER: u32 = 10;
/// How long it gets none, from its last failure.
const OPEN_TIME: Duration = Duration::from_secs(10);

/// Whether a provider gets calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BreakerState {
    /// As many as it has slots.
    Closed,
    /// One at a time, to find out whether it is well again.
    HalfOpen,
    /// None until this time.
    Open(Timestamp),
}

/// A change that operators hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BreakerChange {
    /// The provider gets no calls for a while.
    Opened,
    /// The provider is well again.
    Closed,
}

/// How the last calls of a provider ended.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    failing_since: Option<Timestamp>,
    failed_at: Option<Timestamp>,
}

impl Breaker {
    /// Records the end of a call, and returns whether that opened or closed the breaker. A provider that answers, even by
    /// refusing a message, has not failed.
    pub(super) fn record(&mut self, failed: bool, now: Timestamp) -> Option<BreakerChange> {
        if failed {
            self.failures += 1;
            self.failing_since.get_or_insert(now);
            self.failed_at = Some(now);
            (self.failures == OPEN_AFTER).then_some(BreakerChange::Opened)
        } else {
            let was_open = self.failures >= OPEN_AFTER;
            *self = Self::default();
            was_open.then_some(BreakerChange::Closed)
        }
    }

    pub(super) fn state(&self, now: Timestamp) -> BreakerState {
        let Some(failed_at) = self.failed_at.filter(|_| self.failures >= OPEN_AFTER) else {
            return BreakerState::Closed;
        };
        let until = failed_at.plus(OPEN_TIME);
        if now < until {
            BreakerState::Open(until)
        } else {
            BreakerState::HalfOpen
        }
    }

    /// Returns since when every call has failed.
    pub(super) const fn failing_since(&self) -> Option<Timestamp> {
        self.failing_since
    }

    /// Returns the weight of a provider of this priority.
    pub(super) fn weight(&self, priority: u32, now: Timestamp) -> u64 {
        let is_recent = |at: Timestamp| now.since(at) < FAILURE_MEMORY;
        let halvings = if self.failed_at.is_some_and(is_recent) {
            self.failures.min(MAX_HALVINGS)
        } else {
            0
        };
        (u64::from(priority) << MAX_HALVINGS) >> halvings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_000_000);

    fn failed(times: u32) -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..times {
            breaker.record(true, NOW);
        }
        breaker
    }

    #[test]
    fn failures_in_a_row_lower_the_weight_until_a_message_is_taken() {
        let full = Breaker::default().weight(50, NOW);
        assert_eq!(full / failed(3).weight(50, NOW), 8);
        assert_eq!(full / failed(100).weight(50, NOW), 64);
        let mut breaker = failed(100);
        assert_eq!(breaker.weight(50, NOW.plus(FAILURE_MEMORY)), full);
        breaker.record(false, NOW);
        assert_eq!(breaker.weight(50, NOW), full);
    }

    #[test]
    fn it_opens_then_lets_a_call_through_and_closes_when_one_succeeds() {
        let mut breaker = failed(OPEN_AFTER - 1);
        assert_eq!(breaker.state(NOW), BreakerState::Closed);
        assert_eq!(breaker.record(true, NOW), Some(BreakerChange::Opened));
        let until = NOW.plus(OPEN_TIME);
        assert_eq!(breaker.state(NOW), BreakerState::Open(until));
        assert_eq!(breaker.state(until), BreakerState::HalfOpen);
        breaker.record(true, until);
        assert_eq!(
            breaker.state(until),
            BreakerState::Open(until.plus(OPEN_TIME))
        );
        assert_eq!(breaker.failing_since(), Some(NOW));
        assert_eq!(breaker.record(false, until), Some(BreakerChange::Closed));
        assert_eq!(breaker.state(until), BreakerState::Closed);
        assert_eq!(breaker.failing_since(), None);
    }
}
