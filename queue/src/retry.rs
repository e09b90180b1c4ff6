//! When a failed task is tried again.

use std::time::Duration;

use domain::RandomSource;

/// How often a task is retried, and how long it waits before each retry.
///
/// An attempt is one run of the handler that ended in [`TaskOutcome::Retry`](crate::TaskOutcome::Retry), or one
/// message of a batch that its provider asked to be sent again. What does not count: a snooze, a lease that was lost,
/// and a worker that crashed; none of them says that the next run would fail as well. The number of failed attempts
/// travels with the task, in [`LeasedTask::attempt`](crate::LeasedTask::attempt).
///
/// ```ignore
/// /// 48 retries, five minutes apart: four hours.
/// const SEND: RetryPolicy = RetryPolicy::fixed(48, Duration::from_mins(5));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Retries after the first attempt, so a task runs at most `max_retries + 1` times.
    pub max_retries: u32,
    /// Time between a failed attempt and the next one.
    pub delay: Delay,
}

/// Time between a failed attempt and the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delay {
    /// The same time before every retry.
    Fixed(Duration),
    /// Exponential backoff: `base` before the first retry, then twice as long each time, up to `max`.
    Exponential {
        /// Delay before the first retry.
        base: Duration,
        /// Upper limit of the delay.
        max: Duration,
        /// Percentage by which the delay is shortened at random, at most 100. It spreads retries that failed
        /// together, so that they do not all return at the same moment.
        jitter_percent: u8,
    },
}

impl RetryPolicy {
    /// Creates a policy with the same delay before every retry.
    pub const fn fixed(max_retries: u32, delay: Duration) -> Self {
        Self {
            max_retries,
            delay: Delay::Fixed(delay),
        }
    }

    /// Creates a policy with exponential backoff; see [`Delay::Exponential`].
    pub const fn exponential(
        max_retries: u32,
        base: Duration,
        max: Duration,
        jitter_percent: u8,
    ) -> Self {
        Self {
            max_retries,
            delay: Delay::Exponential {
                base,
                max,
                jitter_percent,
            },
        }
    }

    /// Returns how long to wait before the next retry, or `None` if the retries are used up.
    ///
    /// `attempt` is the number of failed attempts before the one that has just failed: 0 after the first run.
    pub fn next(&self, attempt: u32, random: &dyn RandomSource) -> Option<Duration> {
        (attempt < self.max_retries).then(|| self.delay.after(attempt, random))
    }

    /// Returns whether the attempt that is under way is the last one.
    pub const fn is_last(&self, attempt: u32) -> bool {
        attempt >= self.max_retries
    }
}

impl Delay {
    fn after(self, attempt: u32, random: &dyn RandomSource) -> Duration {
        match self {
            Self::Fixed(delay) => delay,
            Self::Exponential {
                base,
                max,
                jitter_percent,
            } => {
                // A shift by 32 or more would overflow; by then every delay has long reached `max`.
                let doubled = base.saturating_mul(1 << attempt.min(31));
                shortened(doubled.min(max), jitter_percent, random)
            }
        }
    }
}

/// Shortens `delay` by a random part of at most `percent` of it.
///
/// The delay is never lengthened, so that `max` stays an upper limit that an operator can rely on.
fn shortened(delay: Duration, percent: u8, random: &dyn RandomSource) -> Duration {
    let mut bytes = [0; 4];
    random.fill(&mut bytes);
    let fraction = f64::from(u32::from_be_bytes(bytes)) / f64::from(u32::MAX);
    delay.mul_f64(1.0 - fraction * f64::from(percent.min(100)) / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the same byte for ever, so that the jitter is known.
    #[derive(Debug)]
    struct Constant(u8);

    impl RandomSource for Constant {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn a_fixed_delay_is_the_same_before_every_retry_until_they_are_used_up() {
        let policy = RetryPolicy::fixed(2, MINUTE);
        let delays: Vec<_> = (0..4)
            .map(|attempt| policy.next(attempt, &Constant(7)))
            .collect();
        assert_eq!(delays, [Some(MINUTE), Some(MINUTE), None, None]);
        assert!(!policy.is_last(1));
        assert!(policy.is_last(2));
    }

    #[test]
    fn a_policy_without_retries_gives_up_at_once() {
        assert_eq!(RetryPolicy::fixed(0, MINUTE).next(0, &Constant(0)), None);
    }

    #[test]
    fn backoff_doubles_up_to_its_maximum() {
        let policy = RetryPolicy::exponential(u32::MAX, MINUTE, MINUTE * 10, 0);
        let minutes = |attempt| policy.next(attempt, &Constant(0xff)).unwrap().as_secs() / 60;
        assert_eq!([0, 1, 2, 3, 4].map(minutes), [1, 2, 4, 8, 10]);
        assert_eq!(minutes(u32::MAX - 1), 10, "and does not overflow");
    }

    #[test]
    fn jitter_shortens_a_delay_by_at_most_its_percentage() {
        let policy = RetryPolicy::exponential(1, MINUTE, MINUTE, 25);
        assert_eq!(policy.next(0, &Constant(0)), Some(MINUTE));
        assert_eq!(policy.next(0, &Constant(0xff)), Some(MINUTE * 3 / 4));
    }
}
