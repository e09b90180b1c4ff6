//! The promises of the design under a seeded storm: the real platform and its real queue on the embedded database, while a
//! scheduler that draws everything from a seed lets workers go from await to await, kills them anywhere, jumps past
//! their leases, doubles and delays tasks, breaks the store in the middle of commits, and makes providers refuse, go away
//! and fall silent. Afterwards everything is mended, what is left is worked off, and the promises are counted.
//!
//! `PILLARBOX_SEEDS=10000` runs so many seeds, `PILLARBOX_SEED=1234` runs one and tells what it did. A seed decides what
//! is done in which order; only how fast the database's own thread answers is not in its hands.
//!
//! Why our own and not turmoil or madsim: what can go wrong here is between an await and the next, in one process and its
//! database file; there is no network to simulate, and the database's thread would have to be replaced to run under
//! theirs – and then it would not be the database any more.

mod promises;
mod storm;
mod worker;

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use store::{Store, Vault};
use stories::SeededEntropy;

use storm::Storm;

/// How many seeds are tried when nobody says.
const SEEDS: u64 = 150;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// An embedded database with all its tables, to be copied.
async fn migrated(directory: &tempfile::TempDir) -> PathBuf {
    let path = directory.path().join("migrated.db");
    let entropy = std::sync::Arc::new(SeededEntropy::new(0));
    let vault = Vault::from_text(&Vault::new_key_line(1, &*entropy), entropy).unwrap();
    let address = format!("sqlite:{}", path.display());
    let store = Store::connect(&address, 1, vault).await.unwrap();
    store.migrate().await.unwrap();
    store.close().await;
    path
}

#[test]
fn the_promises_hold_whatever_dies_wherever() {
    let (first, count) = match number("PILLARBOX_SEED") {
        Some(seed) => (seed, 1),
        None => (0, number("PILLARBOX_SEEDS").unwrap_or(SEEDS)),
    };
    let directory = tempfile::tempdir().unwrap();
    let migrated = runtime().block_on(migrated(&directory));
    let started = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let sums = std::thread::scope(|scope| {
        let shares: Vec<_> = (0..threads)
            .map(|share| {
                let seeds = (first..first + count).filter(move |seed| seed % threads == share);
                let migrated = &migrated;
                scope.spawn(move || runtime().block_on(rage(seeds, migrated, count == 1)))
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

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

async fn rage(seeds: impl Iterator<Item = u64>, migrated: &Path, tells: bool) -> storm::Sums {
    let mut sums = storm::Sums::default();
    for seed in seeds {
        let storm = Storm::new(seed, migrated, tells).await;
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
