use futures::FutureExt as _;
use uuid::Uuid;

use super::*;
use crate::send::provider_selection::ProviderLimits;

/// Draws the first of all.
#[derive(Debug)]
struct First;

impl RandomSource for First {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

const NOW: Timestamp = Timestamp::from_unix_seconds(1_000_000);

/// A clock that stands still until it is set.
#[derive(Debug)]
struct FixedClock(Mutex<Timestamp>);

impl FixedClock {
    fn set(&self, now: Timestamp) {
        *self.0.lock().unwrap() = now;
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

const fn configured(priority: u32, concurrency: usize) -> Configured<'static> {
    Configured {
        name: "any",
        priority,
        concurrency,
        supports_international: false,
        limits: ProviderLimits {
            per_second: None,
            daily_quota: None,
        },
    }
}

fn slots_and_clock<const N: usize>(
    providers: [(u32, usize); N],
) -> (ProviderSlots, Arc<FixedClock>) {
    let clock = Arc::new(FixedClock(Mutex::new(NOW)));
    let configured = providers.map(|(priority, concurrency)| configured(priority, concurrency));
    (
        ProviderSlots::new(configured.into_iter(), clock.clone()),
        clock,
    )
}

fn slots_of<const N: usize>(providers: [(u32, usize); N]) -> ProviderSlots {
    slots_and_clock(providers).0
}

fn flow(service: u128, lane: Lane) -> Flow {
    Flow {
        service: Uuid::from_u128(service).into(),
        lane,
    }
}

fn acquire(
    slots: &ProviderSlots,
    flow: Flow,
    candidates: &[usize],
) -> impl Future<Output = Slot> + Unpin + use<> {
    let (slots, candidates) = (slots.clone(), candidates.to_vec());
    Box::pin(async move { slots.acquire(flow, &candidates, &First).await })
}

#[test]
fn one_service_gets_all_slots_but_one_and_two_get_all() {
    let slots = slots_of([(100, 3)]);
    let (ours, theirs) = (flow(1, Lane::Normal), flow(2, Lane::Bulk));
    let first = acquire(&slots, ours, &[0]).now_or_never().unwrap();
    let _second = acquire(&slots, ours, &[0]).now_or_never().unwrap();
    let mut third = acquire(&slots, ours, &[0]);
    assert!((&mut third).now_or_never().is_none());
    let _other = acquire(&slots, theirs, &[0]).now_or_never().unwrap();
    drop(first);
    assert!(third.now_or_never().is_some());
}

#[test]
fn the_only_slot_of_a_provider_goes_to_whoever_comes() {
    let slots = slots_of([(100, 1)]);
    assert!(
        acquire(&slots, flow(1, Lane::Normal), &[0])
            .now_or_never()
            .is_some()
    );
}

#[test]
fn a_free_slot_goes_to_the_service_with_the_fewest_calls_and_then_to_the_first_lane() {
    let slots = slots_of([(100, 3)]);
    let bulk = flow(1, Lane::Bulk);
    let first = acquire(&slots, bulk, &[0]).now_or_never().unwrap();
    let second = acquire(&slots, bulk, &[0]).now_or_never().unwrap();
    let other = acquire(&slots, flow(2, Lane::Bulk), &[0])
        .now_or_never()
        .unwrap();

    let mut more_bulk = acquire(&slots, bulk, &[0]);
    let mut urgent = acquire(&slots, flow(1, Lane::Priority), &[0]);
    let mut small = acquire(&slots, flow(3, Lane::Bulk), &[0]);
    for waiting in [&mut more_bulk, &mut urgent, &mut small] {
        assert!(waiting.now_or_never().is_none());
    }
    drop(first);
    let small = small.now_or_never().expect("the third service has none");
    assert!((&mut urgent).now_or_never().is_none());
    drop(second);
    let _urgent = urgent.now_or_never().expect("the lane has none");
    assert!((&mut more_bulk).now_or_never().is_none());
    drop((small, other));
    assert!(more_bulk.now_or_never().is_some());
}

#[test]
fn a_provider_without_room_is_passed_over() {
    let slots = slots_of([(100, 2), (1, 2)]);
    let ours = flow(1, Lane::Normal);
    let taken: Vec<Slot> = (0..2)
        .map(|_| acquire(&slots, ours, &[0, 1]).now_or_never().unwrap())
        .collect();
    let providers: Vec<usize> = taken.iter().map(Slot::provider).collect();
    assert_eq!(providers, [0, 1]);
}

#[test]
fn a_waiter_that_is_gone_keeps_no_slot() {
    let slots = slots_of([(100, 1)]);
    let ours = flow(1, Lane::Normal);
    let first = acquire(&slots, ours, &[0]).now_or_never().unwrap();
    let (mut gone, mut granted) = (acquire(&slots, ours, &[0]), acquire(&slots, ours, &[0]));
    assert!((&mut gone).now_or_never().is_none());
    assert!((&mut granted).now_or_never().is_none());
    drop(gone);
    drop(first);
    // Granted, and dropped before it was looked at.
    drop(granted);
    assert!(acquire(&slots, ours, &[0]).now_or_never().is_some());
}

#[test]
fn a_provider_whose_breaker_is_open_gets_one_call_after_a_while() {
    let (slots, clock) = slots_and_clock([(50, 9)]);
    let ours = flow(1, Lane::Normal);
    let slot = acquire(&slots, ours, &[0]).now_or_never().unwrap();
    assert_eq!(slots.unavailable(&[0]), None);
    let timed_out = Err::<(), _>(SendError::unknown("no answer"));
    for _ in 0..10 {
        slot.record(&timed_out, NOW);
    }
    assert!(matches!(
        slots.unavailable(&[0]),
        Some(Unavailable::BreakersOpen {
            failing_since: NOW,
            ..
        })
    ));
    assert!(acquire(&slots, ours, &[0]).now_or_never().is_none());
    clock.set(NOW.plus(Duration::from_secs(10)));
    assert_eq!(slots.unavailable(&[0]), None);
    let probe = acquire(&slots, ours, &[0]).now_or_never().unwrap();
    assert!(
        acquire(&slots, ours, &[0]).now_or_never().is_none(),
        "one at a time"
    );
    probe.record(&Ok(()), clock.now());
    drop(probe);
    let _first = acquire(&slots, ours, &[0]).now_or_never().unwrap();
    let _second = acquire(&slots, ours, &[0]).now_or_never().unwrap();
}

#[test]
fn what_was_not_sent_costs_nothing_of_the_limits() {
    let limits = ProviderLimits {
        per_second: Some(10),
        daily_quota: Some(1000),
    };
    let clock = Arc::new(FixedClock(Mutex::new(NOW)));
    let configured = Configured {
        limits,
        ..configured(100, 9)
    };
    let slots = ProviderSlots::new(std::iter::once(configured), clock.clone());
    let ours = flow(1, Lane::Normal);
    assert_eq!(slots.unavailable(&[0]), Some(Unavailable::QuotasUsedUp));
    slots.add_reserved(0, 2);
    drop(acquire(&slots, ours, &[0]).now_or_never().unwrap());
    let mut slot = acquire(&slots, ours, &[0]).now_or_never().unwrap();
    slot.begin_call();
    drop(slot);
    assert_eq!(slots.reserved(0), Some(1));
    let draw = |slots: &ProviderSlots| slots.lock().draw(ours, &[0], &First, clock.now());
    assert_eq!(draw(&slots), None, "the rate limit has no token");
    clock.set(NOW.plus(Duration::from_millis(100)));
    assert_eq!(draw(&slots), Some(0));
}

#[test]
fn an_inactive_provider_and_one_for_this_country_only_are_left_out() {
    let slots = slots_of([(50, 1), (50, 1), (0, 1)]);
    let share = |active, supports_international| Share {
        priority: 50,
        active,
        supports_international,
    };
    slots.set_shares(&[share(true, false), share(true, true), share(false, true)]);
    assert_eq!(slots.with_share(0..3, false), [0, 1]);
    assert_eq!(slots.with_share(0..3, true), [1]);
    assert_eq!(slots.with_share([2].into_iter(), false), [0usize; 0]);
}

#[test]
fn a_provider_of_priority_zero_has_a_share_only_among_its_like() {
    let slots = slots_of([(0, 1), (100, 1), (0, 1)]);
    assert_eq!(slots.with_share(0..3, false), [1]);
    assert_eq!(slots.with_share([0, 2].into_iter(), false), [0, 2]);
}
