//! The invariants of `ARCHITECTURE.md` under a seeded storm: the real platform and its real queue on the embedded database, as two
//! processes, while a scheduler that draws everything from a seed lets workers go from await to await, kills them anywhere,
//! jumps past their leases, doubles and delays tasks, repeats requests, pauses, resumes and cancels jobs, fires the clock,
//! breaks the store in the middle and in the end of transactions, and makes providers refuse, go away and fall silent.
//! Afterwards everything is mended, what is left is worked off, and the promises are counted.
//!
//! `PILLARBOX_SEEDS=10000` runs so many seeds, `PILLARBOX_SEED=1234` runs one and tells what it did. A seed decides what
//! is done in which order; the trail that is printed in the end shows whether two runs did the same.
//!
//! Why our own and not turmoil or madsim: what can go wrong here is between an await and the next, in one process and its
//! database file; there is no network to simulate, and the database's thread would have to be replaced to run under
//! theirs – and then it would not be the database any more.

mod core_affinity;
mod faults;
mod invariants;
mod requests;
mod storm;
mod worker;

use std::{sync::Arc, time::Instant};

use pillarbox_stories::SharedDatabase;
use tracing_core::Dispatch;

use requests::{Requests, Spans};
use storm::Storm;

/// How many seeds are tried when nobody says.
const SEEDS: u64 = 300;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn the_promises_hold_whatever_dies_wherever() {
    let (first, count) = match number("PILLARBOX_SEED") {
        Some(seed) => (seed, 1),
        None => (0, number("PILLARBOX_SEEDS").unwrap_or(SEEDS)),
    };
    let started = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let sums = std::thread::scope(|scope| {
        let shares: Vec<_> = (0..threads)
            .map(|share| {
                let seeds = (first..first + count).skip(share).step_by(threads);
                scope.spawn(move || rage_all(share, seeds, count == 1))
            })
            .collect();
        let mut sums = storm::Sums::default();
        for share in shares {
            sums.add(&share.join().expect("a storm says what it broke"));
        }
        sums
    });
    println!(
        "{count} seeds in {:.1} s: {sums}",
        started.elapsed().as_secs_f64()
    );
}

#[test]
fn a_seed_repeats_its_storm() {
    let trail = |share| {
        let raged = std::thread::spawn(move || rage_all(share, 0..20, false).trail);
        raged.join().expect("a storm says what it broke")
    };
    assert_eq!(
        trail(0),
        trail(1),
        "something that happens is not in the hands of the seed"
    );
}

fn rage_all(share: usize, seeds: impl Iterator<Item = u64>, tells: bool) -> storm::Sums {
    core_affinity::stay_on(share);
    let asked = Arc::new(Requests::new());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    tracing_core::dispatcher::with_default(&Dispatch::new(Spans(asked.clone())), || {
        runtime.block_on(rage(seeds, &asked, tells))
    })
}

async fn rage(seeds: impl Iterator<Item = u64>, asked: &Arc<Requests>, tells: bool) -> storm::Sums {
    let shared_database = SharedDatabase::with(faults::triggers()).await;
    let mut sums = storm::Sums::default();
    for seed in seeds {
        let storm = Storm::new(seed, &shared_database, asked, tells).await;
        match storm.rage().await {
            Ok(sum) => sums.add(&sum),
            Err(broken) => {
                panic!(
                    "seed {seed} broke a promise; PILLARBOX_SEED={seed} tells it again: {broken}"
                )
            }
        }
    }
    sums
}
