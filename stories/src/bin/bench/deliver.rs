//! Measures sending stored messages: to the sink, and to a provider that accepts at once, which leaves the platform's
//! own work.

use anyhow::{Result, ensure};
use app::tasks::POOLS;
use domain::{Clock as _, NotificationStatus};
use serde::{Deserialize, Serialize};

use crate::{
    baseline,
    children::{Order, run_child},
    databases::{Backend, DataLocation},
    job::{self, Workers},
    options::{Channel, Options},
    platform::{BenchProvider, Platform, RealClock},
    results::{Measured, Results},
    sample_data,
    usage::{Run, Usage},
};

/// A measurement of sending.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    location: DataLocation,
    channel: Channel,
    messages: u32,
    provider: BenchProvider,
}

pub(crate) async fn measure(
    options: &Options,
    backend: &Backend,
    results: &mut Results,
) -> Result<()> {
    let messages = options.messages;
    for &channel in &options.channel {
        let bare = baseline::rate(backend, channel, messages, true).await?;
        for provider in [BenchProvider::Sink, BenchProvider::Instant] {
            let fresh = backend.fresh().await?;
            let order = Order::Deliver(Task {
                location: fresh.location.clone(),
                channel,
                messages,
                provider,
            });
            let run: Run = run_child(&order).await?;
            fresh.remove().await?;
            let to = if provider == BenchProvider::Sink {
                "to the sink"
            } else {
                "to a yes"
            };
            results.add(&Measured {
                database: backend.name(),
                part: "deliver",
                what: format!("{} {to}", channel.as_str()),
                ..Measured::rate(u64::from(messages), run.took, bare).with_usage(&run.usage)
            });
        }
    }
    Ok(())
}

/// Runs in the child: writes the messages with a job first, then lets the workers send them.
pub(crate) async fn drain(task: &Task) -> Result<Run> {
    let platform = Platform::open(&task.location, task.provider).await?;
    let file = task.location.directory.join("people.csv");
    sample_data::write_spreadsheet(&file, task.channel, task.messages)?;
    let job_workers = Workers::start(&platform.app, job::job_pools());
    let id = job::upload(&platform, task.channel, &file).await?;
    job::wait_until_stored(&platform.app, platform.tenant.service, id).await?;
    job_workers.stop().await?;

    let (before, started) = (Usage::mine()?, RealClock.now());
    let workers = Workers::start(&platform.app, POOLS.to_vec());
    let took = job::wait_until_sent(&platform.app).await?.since(started);
    let usage = Usage::since(&before)?;
    workers.stop().await?;

    let progress = app::jobs::find(&platform.app, platform.tenant.service, id).await?;
    let statistics = progress
        .map(|progress| progress.statistics)
        .unwrap_or_default();
    let delivered = statistics
        .get(&NotificationStatus::Delivered)
        .copied()
        .unwrap_or(0);
    ensure!(
        delivered == task.messages,
        "not every message was handed over: {statistics:?}"
    );
    Ok(Run { took, usage })
}
