//! Measures growth: the cost of sending and accepting a message when the table holds few messages and when it holds
//! many. The cost is processor time, of the process and, on PostgreSQL, of the server too.

use std::time::Duration;

use anyhow::Result;
use app::tasks::POOLS;
use domain::Clock as _;
use serde::{Deserialize, Serialize};

use crate::{
    accept::micros_each,
    children::{self, Order, Worker},
    databases::{Backend, DataLocation, Fresh},
    job::{self, Workers},
    load::{self, Load},
    options::{Channel, Options},
    platform::{BenchProvider, Platform, RealClock},
    preload::{self, Standing},
    results::{Measured, Results, mib},
    serve::{self, Endpoint},
    usage::{Run, Usage},
};

/// Messages in each task, as a job enqueues them.
const A_TASK: usize = 100;
const CONNECTIONS: usize = 64;
const WARM_UP: Duration = Duration::from_secs(2);

/// Size of the table and number of further messages.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    location: DataLocation,
    kept: u32,
    messages: u32,
}

/// Cost of a message in microseconds of processor time.
#[derive(Debug, Clone, Copy)]
struct Cost {
    ours: f64,
    servers: Option<f64>,
}

impl Cost {
    fn all(self) -> f64 {
        self.ours + self.servers.unwrap_or(0.0)
    }

    /// Describes the cost relative to that in the smallest table.
    fn note(self, first: Self) -> String {
        let server = self.servers.map_or_else(String::new, |micros| {
            format!("the database server {micros:.0} µs more, ")
        });
        let change = (self.all() / first.all() - 1.0) * 100.0;
        format!("{server}{change:+.0}% a message")
    }
}

pub(crate) async fn measure(
    options: &Options,
    backend: &Backend,
    results: &mut Results,
) -> Result<()> {
    let mut first = None;
    for &kept in &options.kept {
        let fresh = backend.fresh().await?;
        let mut grown = Grown::prepare(&fresh, kept, options.messages).await?;
        let (mut delivered, deliver) = grown.deliver(options.messages).await?;
        let (mut accepted, accept) = grown.accept(Duration::from_secs(options.seconds)).await?;
        grown.worker.end().await?;
        fresh.remove().await?;

        let (deliver_first, accept_first) = *first.get_or_insert((deliver, accept));
        delivered.note = deliver.note(deliver_first);
        accepted.note = accept.note(accept_first);
        for (what, measured) in [("deliver", delivered), ("accept", accepted)] {
            results.add(&Measured {
                database: backend.name(),
                part: "growth",
                what: format!("{what} sms, {kept} rows there"),
                ..measured
            });
        }
    }
    Ok(())
}

/// A child process with a large table.
struct Grown<'a> {
    fresh: &'a Fresh,
    worker: Worker,
}

impl<'a> Grown<'a> {
    async fn prepare(fresh: &'a Fresh, kept: u32, messages: u32) -> Result<Self> {
        let mut worker = Worker::start(&Order::Growth(Task {
            location: fresh.location.clone(),
            kept,
            messages,
        }))?;
        let loaded: Duration = worker.receive().await?;
        eprintln!(
            "{kept} messages are there, put there in {:.0} s; the platform is process {}",
            loaded.as_secs_f64(),
            worker.process()
        );
        fresh.maintain().await?;
        Ok(Self { fresh, worker })
    }

    async fn deliver(&mut self, messages: u32) -> Result<(Measured, Cost)> {
        let before = self.fresh.server_processor_seconds().await?;
        let went: Run = self.worker.request().await?;
        let after = self.fresh.server_processor_seconds().await?;
        let cost = cost(went.usage.processor_seconds, before, after, messages.into());
        Ok((
            Measured {
                peak_mib: Some(mib(went.usage.peak_kib)),
                processor_micros_per_message: Some(cost.ours),
                ..Measured::alone(messages.into(), went.took)
            },
            cost,
        ))
    }

    async fn accept(&mut self, measured: Duration) -> Result<(Measured, Cost)> {
        let endpoint: Endpoint = self.worker.request().await?;
        let (before, server_before) = (
            self.worker.request::<Usage>().await?,
            self.fresh.server_processor_seconds().await?,
        );
        let load = Load {
            channel: Channel::Sms,
            connections: CONNECTIONS,
            warm_up: WARM_UP,
            measured,
        };
        let answered = load::run(&endpoint, load).await?;
        let (after, server_after) = (
            self.worker.request::<Usage>().await?,
            self.fresh.server_processor_seconds().await?,
        );
        let ours = after.processor_seconds - before.processor_seconds;
        let cost = cost(ours, server_before, server_after, answered.all);
        Ok((
            Measured {
                latency: answered.latency,
                peak_mib: Some(mib(after.peak_kib)),
                processor_micros_per_message: Some(cost.ours),
                ..Measured::alone(answered.counted, measured)
            },
            cost,
        ))
    }
}

fn cost(ours: f64, server_before: Option<f64>, server_after: Option<f64>, messages: u64) -> Cost {
    let servers = server_before.zip(server_after);
    Cost {
        ours: micros_each(ours, messages),
        servers: servers.map(|(before, after)| micros_each(after - before, messages)),
    }
}

/// Runs in the child: fills the table, sends the queued messages, serves the API, each on request.
pub(crate) async fn serve(task: &Task) -> Result<()> {
    let platform = Platform::open(&task.location, BenchProvider::Instant).await?;
    let grown = preload::insert(&platform, task.kept, Standing::Settled).await?;
    preload::insert(&platform, task.messages, Standing::Queued(A_TASK)).await?;
    children::reply(&grown)?;

    children::wait_for_a_line().await?;
    let (before, started) = (Usage::mine()?, RealClock.now());
    let workers = Workers::start(&platform.app, POOLS.to_vec());
    let took = job::wait_until_sent(&platform.app).await?.since(started);
    let usage = Usage::since(&before)?;
    workers.stop().await?;
    children::reply(&Run { took, usage })?;

    children::wait_for_a_line().await?;
    children::reply(&serve::open(&platform, &platform.tenant).await?)?;
    serve::until_the_input_ends().await
}
