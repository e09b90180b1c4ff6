//! Time and randomness under the control of a story.

use std::sync::{
    Mutex,
    atomic::{AtomicI64, Ordering},
};
use std::time::Duration;

use domain::{Clock, RandomSource, Timestamp};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

/// A clock that stands still until it is advanced.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Returns a clock that shows `moment`, an ISO 8601 time.
    pub fn at(moment: &str) -> Self {
        let moment: Timestamp = moment.parse().expect("a story gives a valid time");
        Self(AtomicI64::new(moment.unix_micros()))
    }

    /// Advances the clock.
    pub fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros())
            .expect("a story advances the clock by less than 300,000 years");
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        // Each reading is a microsecond later, so that times are distinct, as they are with a real clock.
        Timestamp::from_unix_micros(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

/// A random number generator that yields the same sequence for the same seed.
#[derive(Debug)]
pub struct SeededRandom(Mutex<StdRng>);

impl SeededRandom {
    /// Returns a generator with this seed.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }

    /// Starts the sequence of this seed.
    pub fn reseed(&self, seed: u64) {
        *self.0.lock().expect("the lock is not poisoned") = StdRng::seed_from_u64(seed);
    }
}

impl RandomSource for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        self.0
            .lock()
            .expect("the lock is not poisoned")
            .fill_bytes(bytes);
    }
}
