//! Whose turn it is in a lane, and where its tasks begin.
//!
//! Looking for ready services from the beginning of the index (a sweep) finds every task, and is what happens nearly
//! always. On PostgreSQL, a transaction that stays open for minutes (a report, a forgotten session, a dump) keeps
//! the index entries of all tasks that were completed meanwhile, and sweeps become slower and slower. Once one is expensive,
//! sweeps become rare, and in between only the services that are known are asked, each from where its tasks begin now.
//! New services are looked for between the known ones. A sweep still decides in the end, so that nothing depends on what
//! this process remembers: it finds a task that was committed late, or by a machine whose clock is behind.

use std::{collections::BTreeMap, time::Duration};

use domain::{ServiceId, Timestamp};
use store::tasks::KnownService;
use uuid::Uuid;

/// From when on a sweep is expensive; without old index entries it takes less than a millisecond.
const EXPENSIVE: Duration = Duration::from_millis(2);
/// The time between expensive sweeps, as a multiple of what one takes.
const PAUSE_FACTOR: u32 = 50;
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// How much faster than a sweep asking must be; otherwise it is the machine that is slow, and sweeps are no more expensive
/// than anything else.
const MIN_SAVING: u32 = 4;
/// How much later than its `ready_at` a task may be committed and still be found at once. Every look reads the old entries
/// of this time, so it is not much longer than a commit takes.
const LATENESS: Duration = Duration::from_millis(100);
/// How much later it may be committed and still be found by a late look, when a database stalls.
const MAX_LATENESS: Duration = Duration::from_secs(10);
/// How often services are asked for tasks that were committed late.
const LATE_LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// How often new services are looked for between sweeps.
const DISCOVERY_INTERVAL: Duration = Duration::from_millis(100);
/// Most services that are remembered for a lane.
const MAX_KNOWN: usize = 256;

/// The turns of one lane in one process. Each process goes round on its own, because a shared position would be one more
/// row that all workers update.
#[derive(Debug)]
pub(crate) struct Turns {
    /// Lowest service id whose turn is next.
    next: ServiceId,
    known: BTreeMap<ServiceId, Timestamp>,
    /// How long the last sweep took.
    sweep_took: Duration,
    sweep_at: Timestamp,
    discover_at: Timestamp,
    late_look_at: Timestamp,
    is_late_look: bool,
}

const EPOCH: Timestamp = Timestamp::from_unix_micros(0);

impl Default for Turns {
    fn default() -> Self {
        let platform = ServiceId::from(Uuid::nil());
        Self {
            next: platform,
            // New services are looked for above it only.
            known: BTreeMap::from([(platform, EPOCH)]),
            sweep_took: Duration::ZERO,
            sweep_at: EPOCH,
            discover_at: EPOCH,
            late_look_at: EPOCH,
            is_late_look: false,
        }
    }
}

impl Turns {
    pub(crate) const fn next(&self) -> ServiceId {
        self.next
    }

    /// Gives the next turn to the service after `served`.
    pub(crate) fn advance(&mut self, served: ServiceId) {
        // The lowest id above the served one; wrapping goes round to the first service.
        self.next = Uuid::from_u128(served.as_uuid().as_u128().wrapping_add(1)).into();
    }

    pub(crate) fn is_sweep_due(&self, now: Timestamp) -> bool {
        // Also when the clock was put back by more than any pause.
        now >= self.sweep_at || now < self.sweep_at.minus(Duration::from_hours(1))
    }

    /// Notes a sweep that began at `begun` and found these services.
    pub(crate) fn swept(&mut self, found: &[ServiceId], begun: Timestamp, took: Duration) {
        for service in found {
            self.remember(*service);
        }
        self.sweep_took = took;
        self.sweep_at = begun;
        if took >= EXPENSIVE {
            self.postpone_sweep(begun.plus(took), took * PAUSE_FACTOR);
        }
    }

    pub(crate) fn postpone_sweep(&mut self, now: Timestamp, pause: Duration) {
        self.sweep_at = now.plus(pause.min(MAX_PAUSE));
    }

    fn remember(&mut self, service: ServiceId) {
        if self.known.len() >= MAX_KNOWN && !self.known.contains_key(&service) {
            // Those that still have tasks are found again.
            self.known.clear();
            self.known.insert(Uuid::nil().into(), EPOCH);
        }
        self.known.entry(service).or_insert(EPOCH);
    }

    /// Returns the known services, beginning with the one whose turn it is and going round once.
    pub(crate) fn known_in_turn(&mut self, now: Timestamp) -> Vec<KnownService> {
        let mut earlier = Duration::ZERO;
        self.is_late_look = is_due(self.late_look_at, LATE_LOOK_INTERVAL, now);
        if self.is_late_look {
            self.late_look_at = now.plus(LATE_LOOK_INTERVAL);
            earlier = MAX_LATENESS;
        }
        let from_next = self.known.range(self.next..);
        let before = self.known.range(..self.next);
        from_next
            .chain(before)
            .map(|(id, from)| KnownService {
                id: *id,
                from: from.minus(earlier),
            })
            .collect()
    }

    /// Notes how long it took to ask the known services.
    pub(crate) fn asked_in(&mut self, took: Duration) {
        // A late look, which reads more, says nothing about the others.
        if !self.is_late_look && self.sweep_took < took * MIN_SAVING {
            self.sweep_at = EPOCH;
        }
    }

    /// Notes since when the longest waiting task of each of `asked` has been ready, and returns the services that have one.
    pub(crate) fn asked(
        &mut self,
        asked: &[KnownService],
        found: &[(ServiceId, Timestamp)],
        now: Timestamp,
    ) -> Vec<KnownService> {
        let found: BTreeMap<_, _> = found.iter().copied().collect();
        let mut ready = Vec::new();
        for service in asked {
            let oldest = found.get(&service.id).copied();
            // Nothing waits from before the oldest; what is enqueued at this moment may still be committed.
            let from = oldest.unwrap_or(now).minus(LATENESS).max(service.from);
            if let Some(known) = self.known.get_mut(&service.id) {
                *known = from;
            }
            if oldest.is_some() {
                ready.push(KnownService { from, ..*service });
            }
        }
        ready
    }

    /// Returns the known services in the order of their ids if new ones should be looked for now.
    pub(crate) fn begin_discovery(&mut self, now: Timestamp) -> Option<Vec<ServiceId>> {
        if !is_due(self.discover_at, DISCOVERY_INTERVAL, now) {
            return None;
        }
        self.discover_at = now.plus(DISCOVERY_INTERVAL);
        Some(self.known.keys().copied().collect())
    }

    /// Notes services that were not known.
    pub(crate) fn discovered(&mut self, services: &[ServiceId]) {
        for service in services {
            self.remember(*service);
        }
    }
}

/// Returns whether something is due that was planned for `at`, an interval ahead. Also if the clock was put back.
fn is_due(at: Timestamp, interval: Duration, now: Timestamp) -> bool {
    now >= at || now <= at.minus(interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(number: u128) -> ServiceId {
        Uuid::from_u128(number).into()
    }

    fn second(number: i64) -> Timestamp {
        Timestamp::from_unix_seconds(number)
    }

    #[test]
    fn sweeps_become_rare_once_one_is_expensive() {
        let mut turns = Turns::default();
        turns.swept(&[service(1)], second(100), Duration::from_millis(1));
        assert!(turns.is_sweep_due(second(100)));
        turns.swept(&[service(1)], second(100), Duration::from_millis(200));
        assert!(!turns.is_sweep_due(second(110)));
        assert!(turns.is_sweep_due(second(111)));
        assert!(turns.is_sweep_due(second(111 - 7200)), "a clock put back");
    }

    #[test]
    fn a_service_is_asked_from_where_its_tasks_begin() {
        let mut turns = Turns::default();
        turns.swept(&[service(1), service(2)], second(100), Duration::ZERO);
        turns.advance(service(1));
        let asked = turns.known_in_turn(second(100));
        let ids: Vec<_> = asked.iter().map(|known| known.id).collect();
        assert_eq!(ids, [service(2), service(0), service(1)]);
        let ready = turns.asked(&asked, &[(service(1), second(90))], second(100));
        assert_eq!(ready.len(), 1);
        assert_eq!(ready[0].from, second(90).minus(LATENESS));
        let soon = second(100).plus(Duration::from_millis(10));
        let from: Vec<_> = turns.known_in_turn(soon).iter().map(|it| it.from).collect();
        let since = |number| second(number).minus(LATENESS);
        assert_eq!(from, [since(100), since(100), since(90)]);
    }

    #[test]
    fn new_services_are_looked_for_ten_times_a_second() {
        let mut turns = Turns::default();
        turns.swept(&[service(2)], second(100), Duration::ZERO);
        let known = turns.begin_discovery(second(100));
        assert_eq!(known, Some(vec![service(0), service(2)]));
        let soon = second(100).plus(Duration::from_millis(50));
        assert_eq!(turns.begin_discovery(soon), None);
        turns.discovered(&[service(1)]);
        assert_eq!(turns.known_in_turn(second(100)).len(), 3);
        assert!(turns.begin_discovery(second(101)).is_some());
    }

    #[test]
    fn a_task_that_was_committed_late_is_found_by_a_late_look() {
        let mut turns = Turns::default();
        turns.swept(&[service(1)], second(100), Duration::from_millis(200));
        let asked = turns.known_in_turn(second(100));
        turns.asked(&asked, &[], second(100));
        let soon = second(100).plus(Duration::from_millis(10));
        let asked = turns.known_in_turn(soon);
        assert_eq!(asked[1].from, second(100).minus(LATENESS));
        let asked = turns.known_in_turn(second(101));
        let latest = second(100).minus(LATENESS).minus(MAX_LATENESS);
        assert_eq!(asked[1].from, latest);
        let ready = turns.asked(&asked, &[(service(1), second(91))], second(101));
        assert_eq!(
            ready[0].from,
            second(91).minus(LATENESS),
            "it is claimed from there"
        );
    }

    #[test]
    fn a_slow_machine_does_not_make_sweeps_rare() {
        let mut turns = Turns::default();
        turns.swept(&[service(1)], second(100), Duration::from_millis(50));
        assert!(!turns.is_sweep_due(second(101)));
        turns.asked_in(Duration::from_millis(5));
        assert!(!turns.is_sweep_due(second(101)));
        turns.asked_in(Duration::from_millis(20));
        assert!(turns.is_sweep_due(second(101)));
    }
}
