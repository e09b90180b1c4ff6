//! A worker is suspended in the middle of its batches for longer than its lease, while another claims them, and is
//! then resumed: nothing is committed twice and nothing is lost.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use crate::{
    from_environment,
    job::Job,
    now,
    platform::{LEASE, Platform},
};

/// Twice for each of the two workers, whatever the number of rows.
const STOPS: usize = 4;
const ROWS: usize = 4000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_stalled_past_its_lease_neither_repeats_nor_loses_a_commit() {
    let seed = from_environment("PILLARBOX_CRASH_SEED", 20_261_125);
    let mut random = StdRng::seed_from_u64(seed);
    let (job, workers) = Job::send(Platform::new().await, ROWS, false).await;
    let mut stops = Vec::new();
    for worker in workers.iter().cycle().take(STOPS) {
        let delay = Duration::from_millis(random.random_range(50..600));
        if job.is_over_within(delay).await {
            break;
        }
        let from = now();
        worker.signal("STOP").await;
        // The suspension is the fault itself: long enough for the other worker to claim the tasks.
        let still = LEASE + Duration::from_millis(random.random_range(500..1500));
        tokio::time::sleep(still).await;
        worker.signal("CONT").await;
        stops.push((from, now()));
    }
    let took = job.ends().await;
    drop(workers);
    let twice = job.assert_whole(&stops).await;
    println!(
        "{ROWS} rows on {}, {} stops past the lease (seed {seed}): {:.1} s; every row committed once, {twice} of them \
         twice in the sink",
        job.platform.database_kind(),
        stops.len(),
        took.as_secs_f64()
    );
    assert!(
        !stops.is_empty(),
        "the job was over before any process was stopped"
    );
}
