use std::sync::{
    Mutex,
    atomic::{AtomicI64, Ordering},
};
use std::time::Duration;

use domain::{Clock, RandomSource, Timestamp};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

/// A clock that stands still until a story moves it.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock at this moment.
    pub fn at(moment: &str) -> Self {
        let moment: Timestamp = moment.parse().expect("a story names a moment");
        Self(AtomicI64::new(moment.unix_micros()))
    }

    /// Moves it on.
    pub fn advance(&self, by: Duration) {
        let micros =
            i64::try_from(by.as_micros()).expect("a story moves by less than 300,000 years");
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    /// Each look is a microsecond later, so that no two things happen at once unless they do.
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_micros(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

/// Randomness that is the same in every run.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<StdRng>);

impl SeededEntropy {
    /// The sequence that this seed gives.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }

    /// From now on it is the sequence that this seed gives.
    pub fn begin_again(&self, seed: u64) {
        *self.0.lock().expect("nobody panics holding it") = StdRng::seed_from_u64(seed);
    }
}

impl RandomSource for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        self.0
            .lock()
            .expect("nobody panics holding it")
            .fill_bytes(bytes);
    }
}
