//! Savers are killed, and the broker of the intake log, while messages are accepted by it; and the network to the database drops
//! everything. What was accepted is stored and sent once.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::Value;

use crate::{
    count, from_environment,
    load::{Load, list_unknown},
    platform::{Platform, Process, is_distributed},
};

/// How long everything that was accepted may take to be stored after the last fault.
const PATIENCE: Duration = Duration::from_mins(1);

/// Returns what scripts/rabbitmq.sh says of the broker, if there is one.
fn broker() -> Option<Value> {
    let broker = std::env::var("PILLARBOX_TEST_RABBITMQ").ok()?;
    Some(serde_json::from_str(&broker).expect("scripts/rabbitmq.sh writes JSON"))
}

fn broker_address(platform: &Platform) -> Option<String> {
    let broker = broker()?;
    let address = broker["address"].as_str()?;
    Some(format!("{address}?prefix=crash-{}-", platform.port()))
}

fn control(arguments: &[&str]) {
    let broker = broker().expect("needs a RabbitMQ: make test-distributed");
    let control = broker["control"].as_str().expect("a program");
    let status = Command::new(control).args(arguments).status();
    assert!(status.expect("it starts").success(), "{arguments:?}");
}

/// Starts what accepts and what sends; the savers are the test's.
async fn start_without_saver(platform: &Platform) -> [Process; 2] {
    // The first start creates the demo service.
    platform.start().await.stop().await;
    [platform.start_door().await, platform.start_worker().await]
}

/// Waits until all that was accepted is stored and sent, and counts it.
#[expect(clippy::print_stdout, reason = "what was counted is worth reading")]
async fn finish(platform: &Platform, load: Load, what: &str) {
    let sent = load.end().await;
    let since = Instant::now();
    let mut unknown = sent.accepted.clone();
    while !unknown.is_empty() {
        assert!(
            since.elapsed() < PATIENCE,
            "{} of {} messages are not stored",
            unknown.len(),
            sent.accepted.len()
        );
        unknown = list_unknown(platform, &unknown).await.into_iter().collect();
    }
    platform.wait_until_nothing_waits().await;
    // Workers were not disturbed, so nothing may come twice.
    let counted = count::count(platform, &sent, &[]).await;
    println!("{what}: {counted}; refused: {:?}", sent.refusals);
    assert!(sent.accepted.len() > 10, "the load did nothing: {counted}");
    assert!(sent.refusals.is_empty(), "{:?}", sent.refusals);
    counted.assert_promises();
}

async fn kills_of_savers(mut platform: Platform, log: String, kind: &str) {
    let kills = from_environment("PILLARBOX_KILLS", 8);
    let seed = from_environment("PILLARBOX_CRASH_SEED", 20_261_124);
    let mut random = StdRng::seed_from_u64(seed);
    platform.use_intake_log("always", log);
    let processes = start_without_saver(&platform).await;
    let mut saver = platform.start_saver().await;
    let load = Load::of_messages(&platform);
    for _ in 0..kills {
        // The kill at a random moment is the fault itself.
        tokio::time::sleep(Duration::from_millis(random.random_range(20..700))).await;
        saver.kill().await;
        saver = platform.start_saver().await;
    }
    finish(
        &platform,
        load,
        &format!("{kills} kills of a saver (seed {seed}) with {kind}"),
    )
    .await;
    saver.stop().await;
    for process in processes {
        process.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_of_savers_lose_nothing_and_store_nothing_twice() {
    if !is_distributed() {
        return;
    }
    let platform = Platform::new().await;
    let log = format!("spool:{}", platform.data_dir().join("intake").display());
    kills_of_savers(platform, log, "a spool").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a RabbitMQ: make test-distributed"]
async fn kills_of_savers_of_a_rabbitmq_lose_nothing_and_store_nothing_twice() {
    let platform = Platform::new().await;
    let log = broker_address(&platform).expect("needs a RabbitMQ: make test-distributed");
    kills_of_savers(platform, log, "RabbitMQ").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a RabbitMQ: make test-distributed"]
async fn a_rabbitmq_that_is_killed_loses_nothing_accepted() {
    let mut platform = Platform::new().await;
    let log = broker_address(&platform).expect("needs a RabbitMQ: make test-distributed");
    platform.use_intake_log("always", log);
    let processes = start_without_saver(&platform).await;
    let load = Load::of_messages(&platform);
    wait_for_messages(&load, 20).await;
    let nodes = broker().expect("it is there")["nodes"]
        .as_array()
        .map_or(0, Vec::len);
    for node in 0..nodes {
        control(&["kill", &node.to_string()]);
    }
    // What has no log meanwhile takes the direct path.
    let (before, _) = load.heard();
    wait_for_messages(&load, before + 20).await;
    for node in 0..nodes {
        control(&["start", &node.to_string(), "--no-wait"]);
    }
    for node in 0..nodes {
        control(&["wait", &node.to_string()]);
    }
    let (before, _) = load.heard();
    wait_for_messages(&load, before + 20).await;
    let saver = platform.start_saver().await;
    finish(
        &platform,
        load,
        &format!("{nodes} nodes of RabbitMQ killed"),
    )
    .await;
    saver.stop().await;
    for process in processes {
        process.stop().await;
    }
}

/// The network drops everything without an error, and every caller is answered with 201.
async fn the_database_vanishes(log: impl FnOnce(&Platform) -> String, kind: &str) {
    let Some((mut platform, network)) = Platform::behind_a_black_hole().await else {
        return;
    };
    let log = log(&platform);
    platform.use_intake_log("fallback", log);
    let process = platform.start().await;
    let load = Load::of_messages(&platform);
    wait_for_messages(&load, 20).await;
    network.vanish();
    let (before, _) = load.heard();
    // Longer than the first caller's patience, so that these went to the log.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (after, _) = load.heard();
    network.return_for_new_connections();
    assert!(after > before + 20, "{before} and then {after}");
    let what = format!(
        "{} messages while the database was away, with {kind}",
        after - before
    );
    finish(&platform, load, &what).await;
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_do_not_notice_a_database_that_vanishes() {
    let spool =
        |platform: &Platform| format!("spool:{}", platform.data_dir().join("intake").display());
    the_database_vanishes(spool, "a spool").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a RabbitMQ: make test-distributed"]
async fn callers_do_not_notice_a_database_that_vanishes_with_a_rabbitmq() {
    let rabbitmq = |platform: &Platform| broker_address(platform).expect("needs a RabbitMQ");
    the_database_vanishes(rabbitmq, "RabbitMQ").await;
}

/// Waits until so many messages were accepted.
async fn wait_for_messages(load: &Load, count: usize) {
    let since = Instant::now();
    while load.heard().0 < count {
        assert!(since.elapsed() < PATIENCE, "{:?} of {count}", load.heard());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
