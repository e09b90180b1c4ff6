//! Time and randomness under the control of a story.

use std::sync::{
    Mutex,
    atomic::{AtomicI64, Ordering},
};
use std::time::Duration;

use domain::{Clock, RandomSource, Timestamp};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use server::system::SteadyTime;

/// A clock that stands still until it is advanced. Its machine time may also step back.
#[derive(Debug)]
pub struct ManualClock {
    micros: AtomicI64,
    /// How far the machine time has stepped back, in microseconds.
    stepped_back: AtomicI64,
    steady: SteadyTime,
}

impl ManualClock {
    /// Returns a clock that shows `moment`, an ISO 8601 time.
    pub fn at(moment: &str) -> Self {
        let moment: Timestamp = moment.parse().expect("a story gives a valid time");
        Self {
            micros: AtomicI64::new(moment.unix_micros()),
            stepped_back: AtomicI64::new(0),
            steady: SteadyTime::new(),
        }
    }

    /// Advances the clock.
    pub fn advance(&self, by: Duration) {
        self.micros.fetch_add(micros(by), Ordering::SeqCst);
    }

    /// Sets the clock of the machine back.
    pub fn step_back(&self, by: Duration) {
        // The time before the step, which must not come again.
        let now = self.micros.load(Ordering::SeqCst);
        let monotonic = Duration::from_micros(now.unsigned_abs());
        let stepped_back = self.stepped_back.load(Ordering::SeqCst);
        self.steady
            .now(monotonic, Timestamp::from_unix_micros(now - stepped_back));
        self.stepped_back.fetch_add(micros(by), Ordering::SeqCst);
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).expect("a story moves the clock by less than 300,000 years")
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        // Each reading is a microsecond later, so that times are distinct, as they are with a real clock.
        let now = self.micros.fetch_add(1, Ordering::SeqCst);
        let stepped_back = self.stepped_back.load(Ordering::SeqCst);
        if stepped_back == 0 {
            return Timestamp::from_unix_micros(now);
        }
        // The same as in the program: the time that passes is the monotonic clock of a story.
        let monotonic = Duration::from_micros(now.unsigned_abs());
        self.steady
            .now(monotonic, Timestamp::from_unix_micros(now - stepped_back))
    }

    fn machine_time(&self) -> Timestamp {
        let now = self.micros.fetch_add(1, Ordering::SeqCst);
        Timestamp::from_unix_micros(now - self.stepped_back.load(Ordering::SeqCst))
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
