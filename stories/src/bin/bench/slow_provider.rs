//! One service's messages to a provider that takes 200 ms for each and 20 at a time: 100 a second at best, 95 for a service
//! that leaves one place to others.

use std::time::Duration;

use anyhow::Result;
use app::tasks::POOLS;
use domain::Clock as _;
use serde::{Deserialize, Serialize};

use crate::{
    accept::micros_each,
    children::{self, Order, have_done},
    databases::{Backend, DataLocation},
    job::{self, Workers},
    platform::{Platform, RealClock, Taker},
    preload::{self, Standing},
    results::{Measured, Results, mib},
    usage::Usage,
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

/// The outcome of a measurement.
#[derive(Debug, Serialize, Deserialize)]
struct Went {
    took: Duration,
    usage: Usage,
}

pub(crate) async fn measure(backend: &Backend, results: &mut Results) -> Result<()> {
    for together in [1, 100] {
        let fresh = backend.fresh().await?;
        let order = Order::SlowProvider(Task {
            location: fresh.location.clone(),
            together,
        });
        let went: Went = have_done(&order).await?;
        fresh.remove().await?;
        let messages = u64::from(MESSAGES);
        let micros = micros_each(went.usage.processor_seconds, messages);
        results.add(&Measured {
            database: backend.name(),
            part: "slow-provider",
            what: format!("200 ms, 20 at a time, {together} to a task"),
            peak_mib: Some(mib(went.usage.peak_kib)),
            processor_micros_per_message: Some(micros),
            ..Measured::alone(messages, went.took)
        });
    }
    Ok(())
}

/// Runs in the child: writes the messages, then lets the workers send them.
pub(crate) async fn send(task: &Task) -> Result<()> {
    let platform = Platform::open(&task.location, Taker::Slow).await?;
    preload::put(&platform, MESSAGES, Standing::Queued(task.together)).await?;
    let (before, started) = (Usage::mine()?, RealClock.now());
    let workers = Workers::start(&platform.app, POOLS.to_vec());
    let took = job::all_handed_over(&platform.app).await?.since(started);
    let after = Usage::mine()?;
    workers.stop().await?;
    let usage = Usage {
        processor_seconds: after.processor_seconds - before.processor_seconds,
        ..after
    };
    children::reply(&Went { took, usage })
}
