//! One service's messages to a provider that takes 200 ms for each and 20 at a time: 100 a second at best, 95 for a service
//! that leaves one place to others.

use anyhow::Result;
use app::tasks::POOLS;
use domain::Clock as _;
use serde::{Deserialize, Serialize};

use crate::{
    children::{self, Order, run_child},
    databases::{Backend, DataLocation},
    job::{self, Workers},
    platform::{BenchProvider, Platform, RealClock},
    preload::{self, Standing},
    results::{Measured, Results},
    usage::{Run, Usage},
};

/// About ten seconds of sending.
const MESSAGES: u32 = 1_000;

/// A measurement of sending to a slow provider.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    location: DataLocation,
    /// Messages in each task: one, as single requests leave them, or a hundred, as a job does.
    together: usize,
}

pub(crate) async fn measure(backend: &Backend, results: &mut Results) -> Result<()> {
    for together in [1, 100] {
        let fresh = backend.fresh().await?;
        let order = Order::SlowProvider(Task {
            location: fresh.location.clone(),
            together,
        });
        let run: Run = run_child(&order).await?;
        fresh.remove().await?;
        let messages = u64::from(MESSAGES);
        results.add(&Measured {
            database: backend.name(),
            part: "slow-provider",
            what: format!("200 ms, 20 at a time, {together} to a task"),
            ..Measured::alone(messages, run.took).with_usage(&run.usage)
        });
    }
    Ok(())
}

/// Runs in the child: writes the messages, then lets the workers send them.
pub(crate) async fn send(task: &Task) -> Result<()> {
    let platform = Platform::open(&task.location, BenchProvider::Slow).await?;
    preload::insert(&platform, MESSAGES, Standing::Queued(task.together)).await?;
    let (before, started) = (Usage::mine()?, RealClock.now());
    let workers = Workers::start(&platform.app, POOLS.to_vec());
    let took = job::wait_until_sent(&platform.app).await?.since(started);
    let usage = Usage::since(&before)?;
    workers.stop().await?;
    children::reply(&Run { took, usage })
}
