//! The system clock, the random number generator, and limits of the process.

use std::{
    sync::{Mutex, OnceLock},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use domain::{Clock, RandomSource, Timestamp};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit of open files to the hard one, and returns it. Shells and supervisors often start with 1,024,
/// which is little for a server, while the hard limit is higher.
pub fn raise_file_limit() -> usize {
    let found = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: found.maximum,
        ..found
    };
    let limit = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => found.maximum,
        // Some systems have a maximum of their own below the hard limit.
        Err(_) => found.current,
    };
    // Without a limit it is as many as the machine can hold.
    limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    })
}

/// The clock of the machine, without its steps back; see [`SteadyTime`].
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        static START: OnceLock<Instant> = OnceLock::new();
        // One for the process, so that all its clocks agree.
        static STEADY: SteadyTime = SteadyTime::new();
        let passed = START.get_or_init(Instant::now).elapsed();
        STEADY.now(passed, self.machine_time())
    }

    fn machine_time(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "this is the Clock")]
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_unix_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
    }
}

/// Time that never goes back. It follows the machine's clock, also when that steps forward. When the machine's clock
/// steps back, time continues from where it was and runs slower by a tenth, until both agree again: a rate limit, a lease
/// or a cached value that was good until ten is then neither good until twelve nor refused until then.
#[derive(Debug)]
pub struct SteadyTime(Mutex<Lead>);

/// How far time is ahead of the monotonic clock.
#[derive(Debug)]
struct Lead {
    /// Reading of the monotonic clock up to which the lead has been reduced, in microseconds.
    reduced_at: i64,
    /// In microseconds.
    lead: i64,
}

impl SteadyTime {
    /// Creates a time that takes its first reading from the machine's clock.
    pub const fn new() -> Self {
        Self(Mutex::new(Lead {
            reduced_at: 0,
            lead: i64::MIN / 2,
        }))
    }

    /// Returns the time, given the reading of a monotonic clock and that of the machine's clock.
    pub fn now(&self, monotonic: Duration, machine_time: Timestamp) -> Timestamp {
        let monotonic = i64::try_from(monotonic.as_micros()).unwrap_or(i64::MAX);
        let mut state = self.0.lock().expect("no one panics holding it");
        let reduction = (monotonic - state.reduced_at).max(0) / 10;
        // Only what was used of the time that passed: readings a microsecond apart would otherwise reduce nothing.
        state.reduced_at += reduction * 10;
        let of_machine = machine_time.unix_micros() - monotonic;
        state.lead = of_machine.max(state.lead - reduction);
        Timestamp::from_unix_micros(monotonic + state.lead)
    }
}

impl Default for SteadyTime {
    fn default() -> Self {
        Self::new()
    }
}

/// The random number generator of aws-lc: one for each thread, reseeded by the operating system, safe across forks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl RandomSource for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes)
            .expect("the operating system provides randomness once it has started");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_goes_back_and_meets_the_clock_again() {
        let time = SteadyTime::new();
        let at = |monotonic: u64, machine: i64| {
            let machine = Timestamp::from_unix_seconds(1_000_000 + machine);
            let now = time.now(Duration::from_secs(monotonic), machine);
            now.unix_seconds() - 1_000_000
        };
        assert_eq!(at(0, 0), 0);
        assert_eq!(at(10, 10), 10);
        assert_eq!(at(20, 3_620), 3_620, "a step forward is followed");
        assert_eq!(at(20, 20), 3_620, "a step back is not");
        assert_eq!(at(120, 120), 3_710, "time runs slower by a tenth");
        assert_eq!(at(40_000, 40_000), 40_000, "until both agree again");
        assert_eq!(at(40_001, 40_001), 40_001);
    }

    #[test]
    fn frequent_readings_reduce_the_lead_as_well() {
        let time = SteadyTime::new();
        let start = Timestamp::from_unix_seconds(1_000);
        time.now(Duration::ZERO, start.plus(Duration::from_secs(1)));
        let mut last = start;
        for micros in 0..20_000 {
            let passed = Duration::from_micros(micros);
            let now = time.now(passed, start.plus(passed));
            assert!(now >= last);
            last = now;
        }
        assert_eq!(last, start.plus(Duration::from_millis(1_018)));
    }

    #[test]
    fn two_draws_differ() {
        let (mut one, mut other) = ([0; 16], [0; 16]);
        SystemRandom.fill(&mut one);
        SystemRandom.fill(&mut other);
        assert_ne!(one, other);
    }
}
