//! The invariants of `ARCHITECTURE.md` under randomised faults: the real platform with its real queue on `SQLite`, as two
//! processes. A scheduler whose every decision comes from a seed advances workers from await to await, kills them anywhere,
//! lets leases expire, duplicates and delays tasks, repeats requests, pauses, resumes and cancels jobs, fires the schedule,
//! makes statements and commits of the store fail, and makes providers reject, die and come back, hang, answer late and lose
//! responses. In every fifth seed letters are sent, cancelled, collated, put into a file drop that fails, and reported on, out of
//! order and twice. Their pages are typeset for real, at once and on the same thread, because another one would not follow the
//! seed.
//! Afterwards every fault is repaired, the remaining work is done, and the invariants are counted.
//!
//! `PILLARBOX_SEEDS=10000` runs that many seeds; `PILLARBOX_SEED=1234` runs one and prints what it did. The seed decides
//! the order of all steps. The hash of the steps, printed in the end, shows whether two runs did the same.
//!
//! Why not turmoil or madsim: the faults of interest lie between one await and the next, in one process and its database
//! file. There is no network to simulate, and under those libraries the database's thread would have to be replaced, so
//! that it would not be the real database any more.

mod faults;
mod invariants;
mod letters;
mod requests;
mod storm;
mod threads;
mod worker;

use std::{sync::Arc, time::Instant};

use pillarbox_stories::SharedDatabase;
use tracing_core::Dispatch;

use requests::{Requests, Spans};
use storm::Storm;

/// Number of seeds by default.
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
    threads::stay_on(share);
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
