//! The rate limit of a provider: a token bucket, kept as the time at which it would be full. Each process has its own.

use std::time::Duration;

use domain::Timestamp;

/// Messages a second that a provider takes.
#[derive(Debug)]
pub(super) struct RateLimit {
    interval: Duration,
    /// How far the bucket may be behind: a tenth of a second's messages can leave at once, at least one.
    depth: Duration,
    full_at: Timestamp,
}

impl RateLimit {
    pub(super) fn new(per_second: u32) -> Self {
        let per_second = per_second.max(1);
        let interval = Duration::from_secs(1) / per_second;
        Self {
            interval,
            depth: interval * (per_second / 10).max(1),
            full_at: Timestamp::default(),
        }
    }

    /// Returns how long to wait for the next token; zero if there is one.
    pub(super) fn wait(&self, now: Timestamp) -> Duration {
        // The bucket is empty when it would be full only `depth` from now.
        let next = self.full_at.plus(self.interval);
        next.since(now.plus(self.depth))
    }

    /// Takes a token. The caller has made sure that there is one.
    pub(super) fn take(&mut self, now: Timestamp) {
        self.full_at = self.full_at.max(now).plus(self.interval);
    }

    /// Puts back a token that was not used.
    pub(super) fn put_back(&mut self) {
        self.full_at = self.full_at.minus(self.interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_000_000);

    /// Returns how many tokens are taken in this time by someone who asks every millisecond.
    fn taken(limit: &mut RateLimit, from: Timestamp, millis: u64) -> u32 {
        let mut count = 0;
        for milli in 0..millis {
            let now = from.plus(Duration::from_millis(milli));
            while limit.wait(now).is_zero() {
                limit.take(now);
                count += 1;
            }
        }
        count
    }

    #[test]
    fn a_second_has_as_many_messages_as_the_limit_and_a_tenth() {
        for per_second in [1, 7, 10, 100, 1000, 5000] {
            let mut limit = RateLimit::new(per_second);
            let burst = (per_second / 10).max(1);
            let first = taken(&mut limit, NOW, 1000);
            assert!(
                (per_second..=per_second + burst).contains(&first),
                "{first} of {per_second}"
            );
            let later = taken(&mut limit, NOW.plus(Duration::from_secs(1)), 10_000);
            assert!(
                later.abs_diff(10 * per_second) <= 1 + per_second / 100,
                "{later} of {per_second}"
            );
        }
    }

    #[test]
    fn the_wait_ends_when_the_next_token_comes() {
        let mut limit = RateLimit::new(10);
        limit.take(NOW);
        assert_eq!(limit.wait(NOW), Duration::from_millis(100));
        limit.put_back();
        assert_eq!(limit.wait(NOW), Duration::ZERO);
    }
}
