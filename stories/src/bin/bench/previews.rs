//! How long `/_status` takes beside three previews of 3 MB at a time, which keep a processor busy for as long as they are
//! measured.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{
    children::{Order, Worker},
    databases::Backend,
    load,
    options::{Channel, Options},
    results::{Latency, Measured, Results, mib},
    sample_data::Person,
    serve::Endpoint,
    usage::Usage,
};

/// Previews at a time.
const PREVIEWS: usize = 3;
const PREVIEW_BYTES: usize = 3_000_000;
/// Interval between the requests for the status.
const EVERY: Duration = Duration::from_millis(10);

pub(crate) async fn measure(
    options: &Options,
    backend: &Backend,
    results: &mut Results,
) -> Result<()> {
    let fresh = backend.fresh().await?;
    let mut server = Worker::start(&Order::Serve(fresh.location.clone()))?;
    let endpoint: Endpoint = server.receive().await?;
    let client = client();
    let (measured, started) = (Duration::from_secs(options.seconds), Instant::now());
    let is_over = || started.elapsed() >= measured;

    let text = "# Heading\n\n* point\n\n";
    let name = text.repeat(PREVIEW_BYTES / text.len());
    let mut values = Person(0).personalisation(Channel::Email);
    values.insert("name".to_owned(), name.into());
    let body = json!({"personalisation": values}).to_string();
    let made = Cell::new(0_u64);
    let previews = (0..PREVIEWS).map(|_| async {
        while !is_over() {
            preview(&client, &endpoint, &body).await?;
            made.set(made.get() + 1);
        }
        anyhow::Ok(())
    });
    let statuses = async {
        let (mut micros, mut ticks) = (Vec::new(), tokio::time::interval(EVERY));
        while !is_over() {
            ticks.tick().await;
            let asked = Instant::now();
            let url = format!("http://127.0.0.1:{}/_status?simple=1", endpoint.port);
            client.get(url).send().await?.error_for_status()?;
            micros.push(u32::try_from(asked.elapsed().as_micros())?);
        }
        anyhow::Ok(micros)
    };
    let (_, mut micros) =
        futures::future::try_join(futures::future::try_join_all(previews), statuses).await?;
    let took = started.elapsed();
    let usage: Usage = server.request().await?;
    server.end().await?;
    fresh.remove().await?;
    results.add(&Measured {
        database: backend.name(),
        part: "previews",
        what: format!("/_status beside {PREVIEWS} previews of 3 MB"),
        latency: Latency::of(&mut micros),
        peak_mib: Some(mib(usage.peak_kib)),
        note: format!("{} previews meanwhile", made.get()),
        ..Measured::alone(micros.len() as u64, took)
    });
    Ok(())
}

async fn preview(client: &reqwest::Client, endpoint: &Endpoint, body: &str) -> Result<()> {
    let url = format!(
        "http://127.0.0.1:{}/v2/template/{}/preview",
        endpoint.port, endpoint.email
    );
    let request = client.post(url).bearer_auth(load::token(endpoint)?);
    let response = request.body(body.to_owned()).send().await?;
    let status = response.status();
    let answer = response.bytes().await?;
    ensure!(
        status.is_success() && answer.len() > PREVIEW_BYTES,
        "a preview was answered with {status}: {}",
        String::from_utf8_lossy(&answer[..answer.len().min(500)])
    );
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a caller's own client, on this machine"
)]
fn client() -> reqwest::Client {
    reqwest::Client::new()
}
