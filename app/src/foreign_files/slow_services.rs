//! Turns to check supplied letters, so that the files of one service do not take all the time of the children.
//!
//! A PDF of some hundred bytes can take a child until its limit. A service whose files did so lately has one child at a time, and
//! after several of them it pauses. This is known to this process only: each process has its own children.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use domain::{Clock, ServiceId, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::warn;

/// Letters that are checked at a time. As many children may run.
pub(super) const PLACES: usize = 2;

/// A check that takes longer is slow. Most take a tenth of a second.
const SLOW: Duration = Duration::from_secs(5);

/// How long a slow check is remembered.
const MEMORY: Duration = Duration::from_hours(1);

/// Checks that end at a limit before a service pauses. One damaged file is no attack.
const ENDED_BEFORE_PAUSE: u32 = 3;

const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// Time between two letters of a service that have to wait, so that thousands do not come back at once to wait again.
const SPACING: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_mins(30);

/// Gives turns. Cheap to clone; all clones share them.
#[derive(Debug, Clone)]
pub(crate) struct CheckTurns {
    places: Arc<Semaphore>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    slow: BTreeMap<ServiceId, SlowService>,
    /// Whether a slow service has a turn. All of them share one, or several services could take all places.
    is_slow_running: bool,
}

#[derive(Debug)]
struct SlowService {
    last: Timestamp,
    /// Checks that ended at a limit.
    ended: u32,
    paused_until: Timestamp,
    /// When the last of those that have to wait asks again.
    next_asks: Timestamp,
}

/// The turn of a service, until it is dropped.
#[derive(Debug)]
pub(crate) struct CheckTurn {
    service: ServiceId,
    state: Arc<Mutex<State>>,
    is_slow: bool,
    began: (Timestamp, Instant),
    has_ended: bool,
    _place: OwnedSemaphorePermit,
}

/// What a check has taken.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Effort {
    pub(super) took: Duration,
    /// Whether a child was ended by the file.
    pub(super) was_ended: bool,
}

impl Default for CheckTurns {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(PLACES)),
            state: Arc::default(),
        }
    }
}

impl CheckTurns {
    /// Waits for a turn. Returns how long to wait, without a place, if the service has used what it may.
    pub(crate) async fn begin(
        &self,
        service: ServiceId,
        clock: &dyn Clock,
    ) -> Result<CheckTurn, Duration> {
        // A place that others could use is not waited for.
        lock(&self.state).admits(service, clock.now())?;
        let place = self.places.clone().acquire_owned().await;
        let place = place.expect("the semaphore is never closed");
        let mut state = lock(&self.state);
        let now = clock.now();
        // Files of the same service may have been slow meanwhile.
        let is_slow = state.admits(service, now)?;
        state.is_slow_running |= is_slow;
        Ok(CheckTurn {
            service,
            state: self.state.clone(),
            is_slow,
            began: (now, Instant::now()),
            has_ended: false,
            _place: place,
        })
    }
}

impl State {
    /// Returns whether the service is a slow one, or how long it has to wait.
    fn admits(&mut self, service: ServiceId, now: Timestamp) -> Result<bool, Duration> {
        self.slow.retain(|_, slow| now.since(slow.last) < MEMORY);
        let Some(slow) = self.slow.get_mut(&service) else {
            return Ok(false);
        };
        if self.is_slow_running || now < slow.paused_until {
            return Err(slow.wait(now));
        }
        Ok(true)
    }

    fn record(&mut self, service: ServiceId, effort: Effort, now: Timestamp) {
        if effort.took < SLOW {
            return;
        }
        let slow = self.slow.entry(service).or_insert(SlowService {
            last: now,
            ended: 0,
            paused_until: now,
            next_asks: now,
        });
        slow.last = now;
        if effort.was_ended {
            slow.ended += 1;
        }
        // Letters that are good, however slow, are not delayed: they only have one child.
        if effort.was_ended && slow.ended >= ENDED_BEFORE_PAUSE {
            let doublings = (slow.ended - ENDED_BEFORE_PAUSE).min(8);
            let pause = (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE);
            slow.paused_until = now.plus(pause);
            warn!(
                service.id = %service,
                "{} supplied letters of service {service} could not be checked within the limits: its next ones wait for {} \
                 seconds",
                slow.ended,
                pause.as_secs()
            );
        }
    }
}

impl SlowService {
    /// Returns how long a letter waits until it asks again.
    fn wait(&mut self, now: Timestamp) -> Duration {
        let earliest = now.max(self.paused_until);
        let next = earliest.max(self.next_asks).plus(SPACING);
        self.next_asks = next.min(earliest.plus(LONGEST_WAIT));
        self.next_asks.since(now)
    }
}

impl CheckTurn {
    /// Ends the turn and remembers what it has taken.
    pub(crate) fn end(mut self, effort: Effort, now: Timestamp) {
        self.has_ended = true;
        lock(&self.state).record(self.service, effort, now);
    }

    /// Remembers a check that its caller gave up, as one that the file ended: otherwise a service whose requests time out
    /// would never count as slow.
    fn record_given_up(&self, took: Duration) {
        let effort = Effort {
            took,
            was_ended: true,
        };
        lock(&self.state).record(self.service, effort, self.began.0.plus(took));
    }
}

impl Drop for CheckTurn {
    fn drop(&mut self) {
        if !self.has_ended {
            self.record_given_up(self.began.1.elapsed());
        }
        if self.is_slow {
            lock(&self.state).is_slow_running = false;
        }
    }
}

impl Effort {
    pub(super) fn add(&mut self, took: Duration, was_ended: bool) {
        self.took += took;
        self.was_ended |= was_ended;
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Stopped(Mutex<Timestamp>);

    impl Clock for Stopped {
        fn now(&self) -> Timestamp {
            *self.0.lock().unwrap()
        }
    }

    impl Stopped {
        fn pass(&self, time: Duration) {
            let mut now = self.0.lock().unwrap();
            *now = now.plus(time);
        }
    }

    fn clock() -> Stopped {
        Stopped(Mutex::new(Timestamp::from_unix_micros(
            1_800_000_000_000_000,
        )))
    }

    fn service(number: u128) -> ServiceId {
        ServiceId::from_uuid(uuid::Uuid::from_u128(number))
    }

    const AT_LIMIT: Effort = Effort {
        took: Duration::from_secs(20),
        was_ended: true,
    };

    async fn check(turns: &CheckTurns, of: ServiceId, effort: Effort, clock: &Stopped) {
        let turn = turns.begin(of, clock).await.unwrap();
        turn.end(effort, clock.now());
    }

    #[tokio::test]
    async fn slow_services_leave_a_place_to_the_others() {
        let (turns, clock) = (CheckTurns::default(), clock());
        for slow in [1, 2] {
            check(&turns, service(slow), AT_LIMIT, &clock).await;
        }
        let one = turns.begin(service(1), &clock).await.unwrap();
        assert_eq!(turns.begin(service(1), &clock).await.err(), Some(SPACING));
        assert_eq!(turns.begin(service(2), &clock).await.err(), Some(SPACING));
        let _other = turns.begin(service(3), &clock).await.unwrap();
        drop(one);
        assert!(turns.begin(service(2), &clock).await.is_ok());
    }

    #[tokio::test]
    async fn those_that_wait_for_a_place_are_asked_again() {
        let (turns, clock) = (CheckTurns::default(), clock());
        let clock = &clock;
        let (one, another) = (
            turns.begin(service(1), clock).await.unwrap(),
            turns.begin(service(1), clock).await.unwrap(),
        );
        let ends = async move {
            tokio::task::yield_now().await;
            one.end(AT_LIMIT, clock.now());
            another.end(AT_LIMIT, clock.now());
        };
        let of_service = async |number| turns.begin(service(number), clock).await;
        let waits = async { tokio::join!(of_service(1), of_service(1), of_service(2)) };
        let ((first, second, of_other), ()) = tokio::join!(waits, ends);
        // Whichever is polled first.
        let slow = [first, second];
        assert_eq!(slow.iter().filter(|turn| turn.is_err()).count(), 1);
        assert!(slow.into_iter().flatten().all(|turn| turn.is_slow));
        assert!(of_other.is_ok());
    }

    #[tokio::test]
    async fn a_service_pauses_after_several_files_at_the_limit() {
        let (turns, clock) = (CheckTurns::default(), clock());
        for _ in 0..ENDED_BEFORE_PAUSE {
            check(&turns, service(1), AT_LIMIT, &clock).await;
        }
        for number in 1..=3 {
            let refused = turns.begin(service(1), &clock).await.err();
            assert_eq!(refused, Some(FIRST_PAUSE + number * SPACING));
        }
        assert!(turns.begin(service(2), &clock).await.is_ok());
        clock.pass(FIRST_PAUSE);
        check(&turns, service(1), AT_LIMIT, &clock).await;
        let refused = turns.begin(service(1), &clock).await.err();
        assert_eq!(refused, Some(2 * FIRST_PAUSE + SPACING));
        clock.pass(MEMORY);
        assert!(
            turns
                .begin(service(1), &clock)
                .await
                .is_ok_and(|turn| !turn.is_slow)
        );
    }

    #[tokio::test]
    async fn a_check_that_its_caller_gave_up_counts() {
        let (turns, clock) = (CheckTurns::default(), clock());
        let given_up = turns.begin(service(1), &clock).await.unwrap();
        clock.pass(Duration::from_secs(30));
        given_up.record_given_up(Duration::from_secs(30));
        drop(given_up);
        let _running = turns.begin(service(1), &clock).await.unwrap();
        assert!(turns.begin(service(1), &clock).await.is_err());
    }

    #[tokio::test]
    async fn thousands_that_wait_come_back_one_after_the_other() {
        let (turns, clock) = (CheckTurns::default(), clock());
        check(&turns, service(1), AT_LIMIT, &clock).await;
        let _running = turns.begin(service(1), &clock).await.unwrap();
        let mut last = Duration::ZERO;
        for _ in 0..20_000 {
            last = turns.begin(service(1), &clock).await.unwrap_err();
        }
        assert_eq!(last, LONGEST_WAIT);
    }

    #[tokio::test]
    async fn files_that_are_slow_or_damaged_do_not_pause_a_service() {
        let (turns, clock) = (CheckTurns::default(), clock());
        let slow = Effort {
            was_ended: false,
            ..AT_LIMIT
        };
        let damaged = Effort {
            took: Duration::from_millis(10),
            ..AT_LIMIT
        };
        for effort in [slow, damaged].repeat(10) {
            check(&turns, service(1), effort, &clock).await;
        }
        assert!(turns.begin(service(1), &clock).await.is_ok());
    }
}
