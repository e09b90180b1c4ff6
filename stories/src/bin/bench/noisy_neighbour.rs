//! Measures the noisy neighbour: how long one service's message waits from its request until it is sent, while a
//! backlog of another service is processed. The provider accepts at once, so only the order of work is measured.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use app::tasks::POOLS;
use domain::{Clock as _, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    children::{self, Order, Worker},
    databases::{Backend, DataLocation},
    job::Workers,
    load,
    options::Options,
    platform::{BenchProvider, Platform, RealClock, Tenant},
    preload::{self, Standing},
    results::{Latency, Measured, Results, mib},
    serve::{self, Endpoint},
    usage::Usage,
};

/// Interval between the messages of the other service.
const EVERY: Duration = Duration::from_millis(100);
/// Messages of the other service.
const MESSAGES: usize = 200;
/// Longest time that the last of them may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// The backlog of a measurement.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    location: DataLocation,
    backlog: u32,
    /// Messages in each task: one, as single requests leave them, or a hundred, as a job does.
    together: usize,
}

/// What the child reports.
#[derive(Debug, Serialize, Deserialize)]
struct Seen {
    /// When each message of the other service was sent.
    send_times: BTreeMap<String, i64>,
    /// Tasks that are still queued.
    left: u32,
    usage: Usage,
}

pub(crate) async fn measure(
    options: &Options,
    backend: &Backend,
    results: &mut Results,
) -> Result<()> {
    for together in [1, 100] {
        results.add(&measure_one(backend, options.backlog, together).await?);
    }
    Ok(())
}

async fn measure_one(backend: &Backend, backlog: u32, together: usize) -> Result<Measured> {
    let fresh = backend.fresh().await?;
    let mut worker = Worker::start(&Order::NoisyNeighbour(Task {
        location: fresh.location.clone(),
        backlog,
        together,
    }))?;
    let loaded: Duration = worker.receive().await?;
    eprintln!(
        "{backlog} messages wait, {together} to a task, put there in {:.0} s; the workers are process {}",
        loaded.as_secs_f64(),
        worker.process()
    );
    fresh.maintain().await?;
    let endpoint: Endpoint = worker.request().await?;
    let started = Instant::now();
    let sent = send_all(&endpoint).await?;
    let took = started.elapsed();
    let seen = hear_of_all(&mut worker, &sent).await?;
    worker.end().await?;
    fresh.remove().await?;

    let mut waits = sent
        .iter()
        .map(|(id, at)| Ok(u32::try_from(seen.send_times[id] - at.unix_micros())?))
        .collect::<Result<Vec<u32>>>()?;
    Ok(Measured {
        database: backend.name(),
        part: "noisy-neighbour",
        what: format!("behind {backlog} texts, {together} to a task"),
        latency: Latency::of(&mut waits),
        peak_mib: Some(mib(seen.usage.peak_kib)),
        note: format!("{} tasks of the backlog were left", seen.left),
        ..Measured::alone(sent.len() as u64, took)
    })
}

/// Sends one message after another without waiting for its delivery; returns their ids and request times.
async fn send_all(endpoint: &Endpoint) -> Result<Vec<(String, Timestamp)>> {
    let client = client();
    let mut sent = Vec::with_capacity(MESSAGES);
    let mut ticks = tokio::time::interval(EVERY);
    for _ in 0..MESSAGES {
        ticks.tick().await;
        let at = RealClock.now();
        sent.push((send(&client, endpoint).await?, at));
    }
    Ok(sent)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a caller's own client, on this machine"
)]
fn client() -> reqwest::Client {
    reqwest::Client::new()
}

async fn send(client: &reqwest::Client, endpoint: &Endpoint) -> Result<String> {
    let body = serde_json::json!({
        // The number that is watched, as people write it.
        "phone_number": "07700 900123",
        "template_id": endpoint.sms,
        "personalisation": {"name": "Ada", "day": "Friday"},
    });
    let answer = client
        .post(format!(
            "http://127.0.0.1:{}/v2/notifications/sms",
            endpoint.port
        ))
        .bearer_auth(load::token(endpoint)?)
        .json(&body)
        .send()
        .await?;
    ensure!(answer.status() == 201, "not accepted: {}", answer.status());
    let accepted: Value = answer.json().await?;
    let id = accepted["id"].as_str();
    Ok(id.context("an answer without an id")?.to_owned())
}

async fn hear_of_all(worker: &mut Worker, sent: &[(String, Timestamp)]) -> Result<Seen> {
    let started = Instant::now();
    loop {
        let seen: Seen = worker.request().await?;
        if sent.iter().all(|(id, _)| seen.send_times.contains_key(id)) {
            return Ok(seen);
        }
        ensure!(
            started.elapsed() < PATIENCE,
            "some messages were not handed over"
        );
        tokio::time::sleep(EVERY).await;
    }
}

/// Runs in the child: writes the backlog, then works on it while the API is served.
pub(crate) async fn work_off(task: &Task) -> Result<()> {
    let platform = Platform::open(&task.location, BenchProvider::Instant).await?;
    let other = Tenant::create(&platform.app, "Small Council").await?;
    let queued = Standing::Queued(task.together);
    children::reply(&preload::insert(&platform, task.backlog, queued).await?)?;
    children::wait_for_a_line().await?;

    let workers = Workers::start(&platform.app, POOLS.to_vec());
    children::reply(&serve::open(&platform, &other).await?)?;
    while children::wait_for_a_line().await? {
        let view = app::upkeep::queue_stats::read(&platform.app).await?;
        let send_times = platform
            .send_times
            .lock()
            .expect("the lock is not poisoned")
            .clone();
        children::reply(&Seen {
            send_times: send_times
                .into_iter()
                .map(|(id, at)| (id, at.unix_micros()))
                .collect(),
            left: view.lanes.iter().map(|lane| lane.tasks).sum(),
            usage: Usage::mine()?,
        })?;
    }
    workers.stop().await
}
