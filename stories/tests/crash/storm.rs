//! A large job while its processes are killed every 0.2 to 2 seconds: two workers on PostgreSQL, the one process there is
//! on the embedded default.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use crate::{
    from_environment,
    job::{Job, start_worker},
    now,
    platform::{LONG_LEASE, Platform, is_distributed},
};

/// From so many rows on the time that a job takes says something.
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

    // Its files stay to the end: to some file systems, making files is slow work just after many were removed.
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
        // The moment of the kill is the fault itself.
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
    // Nobody waits for the lease of the dead, whoever sees that they are. Of a short job no more can be said.
    let slack = if rows >= LONG {
        Duration::ZERO
    } else {
        LONG_LEASE
    };
    assert!(took <= 2 * undisturbed + restarting + slack, "{took:?}");
}
