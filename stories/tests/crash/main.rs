//! The real binary is killed at random moments of accepting, jobs and sending, restarted, and its messages are
//! counted (`ARCHITECTURE.md` "Invariants", 1, 6 and 7): no accepted message is lost, no row exists twice, and a
//! message is sent twice only if it was in flight at a kill.
//!
//! The same binary also runs on a disk that fills up and fails ([`disk`]); that needs a C compiler, as SQLite does. [`backup`]
//! is a backup that is made while it is busy. [`letters`] are killed from their pages to the response file. [`intake`] kills savers and
//! the broker of the intake log.
//!
//! `PILLARBOX_KILLS` is the number of kills (default 8), `PILLARBOX_CRASH_SEED` decides the moments, and
//! `PILLARBOX_TEST_DATABASE` names a PostgreSQL server; without it, SQLite is used. `PILLARBOX_STORM_ROWS` is the
//! number of rows of the large job (default 3,000), and `PILLARBOX_STORM_KILLS` the maximum number of its
//! disturbances (default as above). `PILLARBOX_STORM_LETTERS` is the number of letters of their job (default 200).

#![expect(clippy::unwrap_used, reason = "what cannot go on has failed")]

mod auditors;
mod backup;
mod behind;
mod black_hole;
mod count;
mod disk;
mod faulty_disk;
mod hangup;
mod intake;
mod job;
mod letters;
mod load;
mod platform;
mod stopped;
mod storm;

use std::time::{Duration, SystemTime};

use load::Load;
use platform::Platform;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}

#[expect(
    clippy::disallowed_methods,
    reason = "compared with the times of files"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_lose_nothing_accepted_and_duplicate_no_row() {
    let kills = from_environment("PILLARBOX_KILLS", 8);
    let seed = from_environment("PILLARBOX_CRASH_SEED", 20_261_124);
    let mut random = StdRng::seed_from_u64(seed);
    let platform = Platform::new().await;
    let mut process = platform.start().await;
    let load = Load::begin(&platform);

    let mut moments = Vec::new();
    for _ in 0..kills {
        // The kill at a random moment is the fault itself.
        let delay = Duration::from_millis(random.random_range(20..900));
        tokio::time::sleep(delay).await;
        let at = now();
        moments.push((at, at));
        process.kill().await;
        process = platform.start().await;
    }
    let sent = load.end().await;
    platform.wait_until_nothing_waits().await;
    let counted = count::count(&platform, &sent, &moments).await;
    process.stop().await;

    println!(
        "{} kills (seed {seed}) on {}: {counted}",
        moments.len(),
        platform.database_kind()
    );
    assert!(
        sent.accepted.len() > 10 && !sent.files.is_empty(),
        "the load did nothing: {counted}"
    );
    counted.assert_promises();
}
