//! A large job whose processes are killed every 0.2 to 2 seconds: two workers on PostgreSQL, the only process on
//! SQLite.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use crate::{
    from_environment,
    job::{Job, start_worker},
    now,
    platform::{LONG_LEASE, Platform, is_distributed},
};

/// From this number of rows on, the time that a job takes is meaningful.
const LONG: usize = 50_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_survives_repeated_kills() {
    let rows = usize::try_from(from_environment("PILLARBOX_STORM_ROWS", 3000)).unwrap();
    let most = from_environment(
        "PILLARBOX_STORM_KILLS",
        from_environment("PILLARBOX_KILLS", 8),
    );
    let seed = from_environment("PILLARBOX_CRASH_SEED", 20_261_125);
    let one_process = !is_distributed();

    // Its files stay until the end, because some file systems are slow just after many files were removed.
    let platform = Platform::with_long_leases().await;
    let (left_alone, workers) = Job::send(platform, rows, one_process).await;
    let undisturbed = left_alone.ends().await;
    let database = left_alone.platform.database_kind();
    drop(workers);

    let mut random = StdRng::seed_from_u64(seed);
    let platform = Platform::with_long_leases().await;
    let (job, mut workers) = Job::send(platform, rows, one_process).await;
    let (mut kills, mut restarting) = (Vec::new(), Duration::ZERO);
    while (kills.len() as u64) < most {
        // The kill at a random moment is the fault itself.
        let delay = Duration::from_millis(random.random_range(200..2000));
        if job.is_over_within(delay).await {
            break;
        }
        let victim = workers.swap_remove(random.random_range(0..workers.len()));
        let at = now();
        kills.push((at, at));
        let killed = std::time::Instant::now();
        victim.kill().await;
        workers.push(start_worker(&job.platform).await);
        restarting += killed.elapsed();
    }
    let took = job.ends().await;
    drop(workers);

    println!(
        "{rows} rows on {database}, {} kills (seed {seed}): {:.1} s undisturbed, {:.1} s disturbed, of it {:.1} s \
         of restarts: {:.2} times as long without them",
        kills.len(),
        undisturbed.as_secs_f64(),
        took.as_secs_f64(),
        restarting.as_secs_f64(),
        took.saturating_sub(restarting).as_secs_f64() / undisturbed.as_secs_f64(),
    );
    let twice = job.assert_whole(&kills).await;
    println!("every row once; {twice} of them twice in the sink, in flight at a kill");
    // A process that sees that a worker is dead does not wait for its lease. Of a short job no more can be asserted.
    let slack = if rows >= LONG {
        Duration::ZERO
    } else {
        LONG_LEASE
    };
    assert!(took <= 2 * undisturbed + restarting + slack, "{took:?}");
}
