//! The network to the database drops everything without an error while the real binary works: requests, workers, the
//! schedule, the listener, leases. It goes on by itself when the network returns, and stops in time while it is away.

use std::time::Duration;

use crate::{
    job::Job,
    now,
    platform::{LEASE, Platform},
};

/// How long a process may take to stop.
const STOP: Duration = Duration::from_secs(10);
const ROWS: usize = 2000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_go_on_after_the_network_returns_and_stop_in_time_without_it() {
    let Some((platform, network)) = Platform::behind_a_black_hole().await else {
        return;
    };
    let (job, workers) = Job::send(platform, ROWS, false).await;
    assert!(
        !job.is_over_within(Duration::from_millis(300)).await,
        "{ROWS} rows are too few"
    );
    let from = now();
    network.vanish();
    // The outage is the fault itself.
    tokio::time::sleep(LEASE + Duration::from_secs(2)).await;
    network.return_for_new_connections();
    let outage = (from, now());
    let took = job.ends().await;

    network.vanish();
    for worker in workers {
        let took = worker.terminate().await;
        assert!(took < STOP, "{took:?}");
    }
    let twice = job.assert_whole(&[outage]).await;
    println!(
        "{ROWS} rows through an outage of the network: {:.1} s; every row committed once, {twice} of them twice in the sink",
        took.as_secs_f64()
    );
}
