//! Accepting and sending at the same time: texts are posted over a few connections while the workers send them to a
//! provider over HTTP that answers at once.

use std::time::Duration;

use anyhow::{Result, ensure};
use app::tasks::POOLS;
use serde::{Deserialize, Serialize};

use crate::{
    accept::{WARM_UP, micros_each},
    children::{self, Order, Worker},
    databases::{Backend, DataLocation},
    job::{self, Workers},
    load::{self, Load},
    options::{Channel, Options},
    platform::{BenchProvider, Platform, RealClock},
    receiver::Receiver,
    results::{Measured, Results, mib, per_second},
    serve::{self, Endpoint},
    usage::Usage,
};
use domain::Clock as _;

/// As many as the published measurements of the system that this one takes the place of.
const CONNECTIONS: usize = 32;

/// A measurement of accepting and sending.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    location: DataLocation,
    provider_port: u16,
}

/// Outcome of sending what was accepted.
#[derive(Debug, Serialize, Deserialize)]
struct Sent {
    /// From the last request to the last hand-over.
    backlog: Duration,
    usage: Usage,
}

pub(crate) async fn measure(
    options: &Options,
    backend: &Backend,
    results: &mut Results,
) -> Result<()> {
    let mut provider = Worker::start(&Order::Receive)?;
    let Receiver { port } = provider.receive().await?;
    let fresh = backend.fresh().await?;
    let mut server = Worker::start(&Order::EverythingOn(Task {
        location: fresh.location.clone(),
        provider_port: port,
    }))?;
    let endpoint: Endpoint = server.receive().await?;
    eprintln!("everything on: the server is process {}", server.process());
    let load = Load {
        channel: Channel::Sms,
        connections: CONNECTIONS,
        warm_up: WARM_UP,
        measured: Duration::from_secs(options.seconds),
    };
    let server_before = fresh.server_processor_seconds().await?;
    let answered = load::run(&endpoint, load).await?;
    let received_in_time: u64 = provider.request().await?;
    let sent: Sent = server.request().await?;
    let server_after = fresh.server_processor_seconds().await?;
    let received: u64 = provider.request().await?;
    ensure!(
        received == answered.all,
        "{} messages were accepted and {received} sent",
        answered.all
    );
    server.end().await?;
    provider.end().await?;
    fresh.expect_kept(answered.all).await?;
    fresh.remove().await?;

    let in_time = per_second(received_in_time, load.warm_up + load.measured);
    let database = server_before
        .zip(server_after)
        .map_or_else(String::new, |(before, after)| {
            format!(
                ", the database server {:.0} µs each",
                micros_each(after - before, answered.all)
            )
        });
    results.add(&Measured {
        database: backend.name(),
        part: "everything-on",
        what: format!("sms, {CONNECTIONS} connections"),
        latency: answered.latency,
        peak_mib: Some(mib(sent.usage.peak_kib)),
        processor_micros_per_message: Some(micros_each(sent.usage.processor_seconds, answered.all)),
        note: format!(
            "sent {in_time:.0}/s meanwhile, the last {:.1} s after the last request{database}",
            sent.backlog.as_secs_f64()
        ),
        ..Measured::alone(answered.counted, load.measured)
    });
    Ok(())
}

/// Runs in the child: serves and sends; on a line of input waits until everything is sent.
pub(crate) async fn run(task: &Task) -> Result<()> {
    let platform = Platform::open(&task.location, BenchProvider::Http(task.provider_port)).await?;
    let workers = Workers::start(&platform.app, POOLS.to_vec());
    let before = Usage::mine()?;
    children::reply(&serve::open(&platform, &platform.tenant).await?)?;
    children::wait_for_a_line().await?;
    let asked = RealClock.now();
    let backlog = job::wait_until_sent(&platform.app).await?.since(asked);
    let usage = Usage::since(&before)?;
    workers.stop().await?;
    children::reply(&Sent { backlog, usage })?;
    children::wait_for_a_line().await?;
    Ok(())
}
