//! Measures accepting: messages through the HTTP endpoint, each durable when it is answered.

use std::time::Duration;

use anyhow::Result;

use crate::{
    baseline,
    children::{Order, Worker},
    databases::Backend,
    load::{self, Load},
    options::Options,
    results::{Measured, Results, mib},
    serve::Endpoint,
    usage::Usage,
};

pub(crate) const WARM_UP: Duration = Duration::from_secs(2);
/// Bare rows to insert; more do not change the rate.
const MOST_BARE_ROWS: u64 = 200_000;

pub(crate) async fn measure(
    options: &Options,
    backend: &Backend,
    results: &mut Results,
) -> Result<()> {
    for &channel in &options.channel {
        for &connections in &options.connections {
            let measured = Duration::from_secs(options.seconds);
            let load = Load {
                channel,
                connections,
                warm_up: WARM_UP,
                measured,
            };
            results.add(&measure_one(backend, load).await?);
        }
    }
    Ok(())
}

async fn measure_one(backend: &Backend, load: Load) -> Result<Measured> {
    let fresh = backend.fresh().await?;
    let mut server = Worker::start(&Order::Serve(fresh.location.clone()))?;
    let endpoint: Endpoint = server.receive().await?;
    eprintln!(
        "{} at {} connections: the server is process {}",
        load.channel.as_str(),
        load.connections,
        server.process()
    );
    let before: Usage = server.request().await?;
    let answered = load::run(&endpoint, load).await?;
    let after: Usage = server.request().await?;
    server.end().await?;
    // Counted in the database rather than by the program that is measured.
    fresh.expect_kept(answered.all).await?;
    fresh.remove().await?;

    let bare_rows = u32::try_from(answered.counted.clamp(1, MOST_BARE_ROWS))?;
    let bare = baseline::rate(backend, load.channel, bare_rows, false).await?;
    let processor_seconds = after.processor_seconds - before.processor_seconds;
    Ok(Measured {
        database: backend.name(),
        part: "accept",
        what: format!(
            "{}, {} connections",
            load.channel.as_str(),
            load.connections
        ),
        latency: answered.latency,
        resident_mib: Some(mib(after.resident_kib)),
        peak_mib: Some(mib(after.peak_kib)),
        processor_micros_per_message: Some(micros_each(processor_seconds, answered.all)),
        ..Measured::rate(answered.counted, load.measured, bare)
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^53")]
pub(crate) fn micros_each(seconds: f64, count: u64) -> f64 {
    seconds * 1e6 / count.max(1) as f64
}
