//! Callbacks delivered to a local receiver that answers at once. Messages are sent first; then only the workers of callbacks
//! run.

use anyhow::{Result, ensure};
use app::{manage::callbacks::CallbackChange, tasks::POOLS};
use domain::{CallbackKind, Clock as _};
use queue::Pool;
use serde::{Deserialize, Serialize};

use crate::{
    children::{self, Order, Worker},
    databases::{Backend, DataLocation},
    job::{self, Workers},
    options::{Channel, Options},
    platform::{BenchProvider, Platform, RealClock},
    receiver::Receiver,
    results::{Measured, Results},
    sample_data,
    usage::{Run, Usage},
};

/// A measurement of callbacks.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    location: DataLocation,
    port: u16,
    messages: u32,
}

pub(crate) async fn measure(
    options: &Options,
    backend: &Backend,
    results: &mut Results,
) -> Result<()> {
    let messages = options.messages;
    let mut receiver = Worker::start(&Order::Receive)?;
    let Receiver { port } = receiver.receive().await?;
    let fresh = backend.fresh().await?;
    let mut platform = Worker::start(&Order::Callbacks(Task {
        location: fresh.location.clone(),
        port,
        messages,
    }))?;
    let run: Run = platform.receive().await?;
    let requests: u64 = receiver.request().await?;
    ensure!(
        requests == u64::from(messages),
        "{requests} of {messages} callbacks were received"
    );
    platform.end().await?;
    receiver.end().await?;
    fresh.remove().await?;
    results.add(&Measured {
        database: backend.name(),
        part: "callbacks",
        what: "delivery statuses to a local receiver".to_owned(),
        ..Measured::alone(u64::from(messages), run.took).with_usage(&run.usage)
    });
    Ok(())
}

/// Runs in the child.
pub(crate) async fn call(task: &Task) -> Result<()> {
    let platform = Platform::open(&task.location, BenchProvider::Instant).await?;
    let service = platform.tenant.service;
    let change = CallbackChange {
        url: Some(format!("http://127.0.0.1:{}/told", task.port)),
        bearer_token: Some("a-bearer-token".to_owned()),
        ..CallbackChange::default()
    };
    let kind = CallbackKind::DeliveryStatus;
    app::manage::callbacks::set(&platform.app, service, kind, change).await?;
    app::manage::callbacks::rotate_secret(&platform.app, service, kind).await?;
    let file = task.location.directory.join("people.csv");
    sample_data::write_spreadsheet(&file, Channel::Sms, task.messages)?;
    let is_callback = |pool: &&Pool| pool.name.starts_with("service-callbacks");
    let others = POOLS.iter().filter(|pool| !is_callback(pool)).cloned();
    let workers = Workers::start(&platform.app, others.collect());
    let id = job::upload(&platform, Channel::Sms, &file).await?;
    job::wait_until_stored(&platform.app, service, id).await?;
    job::all_sent(&platform.app).await?;
    workers.stop().await?;

    let (before, started) = (Usage::mine()?, RealClock.now());
    let callers = POOLS.iter().filter(is_callback).cloned().collect();
    let workers = Workers::start(&platform.app, callers);
    let took = job::wait_until_sent(&platform.app).await?.since(started);
    let usage = Usage::since(&before)?;
    workers.stop().await?;
    children::reply(&Run { took, usage })
}
