//! Measures sending stored messages: to the sink, and to a provider that accepts at once, which leaves the platform's
//! own work.

use std::time::Duration;

use anyhow::{Result, ensure};
use app::tasks::POOLS;
use domain::{Clock as _, NotificationStatus};
use serde::{Deserialize, Serialize};

use crate::{
    accept::micros_each,
    baseline,
    children::{Order, have_done},
    databases::{Backend, DataLocation},
    job::{self, Workers},
    options::{Channel, Options},
    platform::{Platform, RealClock, Taker},
    results::{Measured, Results, mib},
    sample_data,
    usage::Usage,
};

/// A measurement of sending.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    location: DataLocation,
    channel: Channel,
    messages: u32,
    taker: Taker,
}

/// The outcome of a measurement.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Went {
    took: Duration,
    usage: Usage,
}

pub(crate) async fn measure(
    options: &Options,
    backend: &Backend,
    results: &mut Results,
) -> Result<()> {
    let messages = options.messages;
    for &channel in &options.channel {
        let bare = baseline::rate(backend, channel, messages, true).await?;
        for taker in [Taker::Sink, Taker::Nobody] {
            let fresh = backend.fresh().await?;
            let order = Order::Deliver(Task {
                location: fresh.location.clone(),
                channel,
                messages,
                taker,
            });
            let went: Went = have_done(&order).await?;
            fresh.remove().await?;
            let to = if taker == Taker::Sink {
                "to the sink"
            } else {
                "to a yes"
            };
            results.add(&Measured {
                database: backend.name(),
                part: "deliver",
                what: format!("{} {to}", channel.as_str()),
                resident_mib: Some(mib(went.usage.resident_kib)),
                peak_mib: Some(mib(went.usage.peak_kib)),
                processor_micros_per_message: Some(micros_each(
                    went.usage.processor_seconds,
                    u64::from(messages),
                )),
                ..Measured::rate(u64::from(messages), went.took, bare)
            });
        }
    }
    Ok(())
}

/// Runs in the child: writes the messages with a job first, then lets the workers send them.
pub(crate) async fn drain(task: &Task) -> Result<Went> {
    let platform = Platform::open(&task.location, task.taker).await?;
    let file = task.location.directory.join("people.csv");
    sample_data::write_spreadsheet(&file, task.channel, task.messages)?;
    let keepers = Workers::start(&platform.app, job::job_pools());
    let id = job::upload(&platform, task.channel, &file).await?;
    job::keep(&platform.app, platform.tenant.service, id).await?;
    keepers.stop().await?;

    let (before, started) = (Usage::mine()?, RealClock.now());
    let workers = Workers::start(&platform.app, POOLS.to_vec());
    let took = job::all_handed_over(&platform.app).await?.since(started);
    let after = Usage::mine()?;
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
    let usage = Usage {
        processor_seconds: after.processor_seconds - before.processor_seconds,
        ..after
    };
    Ok(Went { took, usage })
}
