//! `pillarbox demo`: the main job before a newcomer's eyes. Real HTTP, a real database, real files; only the providers
//! are the sink.

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use clap::Args;
use domain::RandomSource as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use uuid::Uuid;

use super::{
    Place, job,
    token::parts,
    up::{self, DemoAccess, Started, quoted, this_program},
};
use crate::{
    client::Client,
    outside::SystemEntropy,
    roles,
    screen::{Progress, count, rate, say, say_json, seconds, table, thousands},
    settings::Settings,
    signals, telemetry,
};

const LIBRARY_CARDS: job::Source = job::Source::Embedded(
    "library-cards.csv",
    include_bytes!("../../../examples/library-cards.csv"),
);
const BIN_DAYS: job::Source = job::Source::Embedded(
    "bin-days.xlsx",
    include_bytes!("../../../examples/bin-days.xlsx"),
);
const BIN_DAYS_WITH_ERRORS: job::Source = job::Source::Embedded(
    "bin-days-with-errors.csv",
    include_bytes!("../../../examples/bin-days-with-errors.csv"),
);

const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// How many of the errors of the bad example are shown.
const ERRORS_SHOWN: usize = 6;

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// End when everything is sent, in place of staying up until Ctrl-C
    #[arg(long)]
    exit: bool,
    /// The address to listen on [default: 127.0.0.1:6011 if it is free]
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
}

/// What was sent, and how long it took.
#[derive(Debug, Default)]
struct Sum {
    statistics: BTreeMap<String, u64>,
    took: Duration,
}

impl Demo {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<()> {
        let place = &in_fresh_directory(place);
        let (mut settings, _) = place.settings(self.listen.as_deref())?;
        if settings.log.level == Settings::default().log.level {
            // The story is told on standard output; only what is wrong should come between.
            "warn".clone_into(&mut settings.log.level);
        }
        telemetry::start(&settings.log)?;
        let stop = signals::stop_when_asked()?;
        let data_dir = settings.data_dir.clone();
        let (listen, any_port) = (settings.listen.clone(), self.listen.is_none());
        let began = Instant::now();
        let started = up::start(
            settings,
            async || listen_somewhere(&listen, any_port).await,
            stop.clone(),
        )
        .await?;
        tell(
            place,
            &format!(
                "Pillarbox runs at {} ({} after the start).\n",
                started.url,
                seconds(began.elapsed())
            ),
        );

        let shown = tokio::select! {
            shown = show(place, &started) => shown,
            () = stop.cancelled() => Err(anyhow::anyhow!("stopped before the end")),
        };
        let outcome = shown.and_then(|sum| print_end(place, &started, &sum, &data_dir));
        if self.exit || outcome.is_err() {
            stop.cancel();
        } else {
            tell(
                place,
                &format!("It stays up at {} until Ctrl-C.", started.url),
            );
        }
        started.at_work.until_stopped().await.and(outcome)
    }
}

/// A demo begins in a directory of its own, unless one is given.
fn in_fresh_directory(place: &Place) -> Place {
    if place.data_dir.is_some() {
        return place.clone();
    }
    // Temporary directories are shared: nobody must be able to make this one before us.
    let mut random = [0; 8];
    SystemEntropy.fill(&mut random);
    let name = format!("pillarbox-demo-{:016x}", u64::from_be_bytes(random));
    let directory: PathBuf = std::env::temp_dir().join(name);
    Place {
        data_dir: Some(directory),
        ..place.clone()
    }
}

async fn listen_somewhere(address: &str, any_port: bool) -> anyhow::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Err(error) if error.kind() == ErrorKind::AddrInUse && any_port => {
            roles::listen("127.0.0.1:0").await
        }
        Ok(listener) => Ok(listener),
        Err(_) => roles::listen(address).await,
    }
}

fn tell(place: &Place, text: &str) {
    if !place.json {
        say(text);
    }
}

/// The story: a bad spreadsheet, two good ones, a message over the API.
async fn show(place: &Place, started: &Started) -> anyhow::Result<Sum> {
    let secret = started.platform.internal_secrets[0].clone();
    let client = Client::new(
        &started.url,
        &started.platform.settings.internal_client_id,
        secret,
    )?;
    let demo = &started.demo;
    let mut sum = Sum::default();

    check_the_bad_one(place, &client, demo).await?;
    send(
        place,
        &client,
        demo,
        LIBRARY_CARDS,
        demo.templates.email,
        &mut sum,
    )
    .await?;
    send(place, &client, demo, BIN_DAYS, demo.templates.sms, &mut sum).await?;
    send_one_over_the_api(place, started, &mut sum).await?;
    Ok(sum)
}

async fn sheet(
    client: &Client,
    demo: &DemoAccess,
    source: job::Source,
    template: Uuid,
) -> anyhow::Result<job::Sheet> {
    let service = demo.service_id;
    let template = client
        .get(&format!("/service/{service}/template/{template}"), &[])
        .await?;
    Ok(job::Sheet {
        source,
        service,
        template,
    })
}

async fn check_the_bad_one(
    place: &Place,
    client: &Client,
    demo: &DemoAccess,
) -> anyhow::Result<()> {
    let sheet = sheet(client, demo, BIN_DAYS_WITH_ERRORS, demo.templates.sms).await?;
    let checked = job::check(client, &sheet).await?;
    let shown = &checked.errors[..checked.errors.len().min(ERRORS_SHOWN)];
    tell(
        place,
        &format!(
            "{}: somebody typed it in a hurry; nothing is sent before it is right.\n",
            sheet.source.name()
        ),
    );
    tell(place, &indented(&job::errors_table(shown)));
    let more = checked.errors.len() - shown.len();
    if more > 0 {
        tell(place, &format!("  … and {more} more"));
    }
    Ok(())
}

async fn send(
    place: &Place,
    client: &Client,
    demo: &DemoAccess,
    source: job::Source,
    template: Uuid,
    sum: &mut Sum,
) -> anyhow::Result<()> {
    let sheet = sheet(client, demo, source, template).await?;
    let checked = job::check(client, &sheet).await?;
    let name = sheet.source.name();
    tell(
        place,
        &format!(
            "\n{name}: {}, nothing wrong; sending `{}`",
            count(checked.rows, "row"),
            sheet.template_name()
        ),
    );
    let began = Instant::now();
    let mut progress = Progress::new(!place.json);
    let standing = job::send_and_follow(client, &sheet, &mut progress).await?;
    let took = began.elapsed();
    if standing.outcomes() != checked.rows {
        bail!(
            "{name}: only {} of {} have an outcome",
            standing.outcomes(),
            count(checked.rows, "row")
        );
    }
    let a_second = thousands(rate(checked.rows, took));
    tell(
        place,
        &format!(
            "  {} handed over in {}, {a_second} a second",
            count(checked.rows, "message"),
            seconds(took)
        ),
    );
    sum.add(standing.statistics, took);
    Ok(())
}

/// As any service does it: with an API key, over HTTP.
async fn send_one_over_the_api(
    place: &Place,
    started: &Started,
    sum: &mut Sum,
) -> anyhow::Result<()> {
    let (service, secret) =
        parts(&started.demo.api_key).context("the demo service's key does not read")?;
    let client = Client::new(&started.url, service, secret.to_owned().into())?;
    let body = json!({
        "email_address": "amala@example.com",
        "template_id": started.demo.templates.email,
        "personalisation": {"name": "Amala", "branch": "Riverside", "date": "Monday 2 March"},
        "reference": "demo",
    });
    let began = Instant::now();
    let accepted = client.post_bare("/v2/notifications/email", &body).await?;
    let kept = began.elapsed();
    let path = format!(
        "/v2/notifications/{}",
        accepted["id"].as_str().unwrap_or_default()
    );
    let status = loop {
        let status = client.get_bare(&path).await?["status"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if status != "created" {
            break status;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    };
    let took = began.elapsed();
    let milliseconds = |took: Duration| format!("{:.0} ms", took.as_secs_f64() * 1000.0);
    tell(
        place,
        &format!(
            "\nPOST /v2/notifications/email: accepted and kept after {}, {status} after {}\n",
            milliseconds(kept),
            milliseconds(took)
        ),
    );
    sum.add([(status, 1)].into(), took);
    Ok(())
}

impl Sum {
    fn add(&mut self, statistics: BTreeMap<String, u64>, took: Duration) {
        for (status, count) in statistics {
            *self.statistics.entry(status).or_default() += count;
        }
        self.took += took;
    }

    fn messages(&self) -> u64 {
        self.statistics.values().sum()
    }
}

fn print_end(place: &Place, started: &Started, sum: &Sum, data_dir: &Path) -> anyhow::Result<()> {
    let counts = app::Sink::new(started.platform.settings.sink_directory()).count()?;
    let a_second = rate(sum.messages(), sum.took);
    if place.json {
        say_json(&end_line(started, sum, data_dir, a_second));
        return Ok(());
    }
    let rows: Vec<_> = sum
        .statistics
        .iter()
        .map(|(status, count)| vec![status.clone(), thousands(*count)])
        .collect();
    let (program, directory) = (
        quoted(&this_program()?),
        quoted(&data_dir.display().to_string()),
    );
    say(format!(
        "{}\n\n{} in {}, {} a second. The sink has {} e-mails and {} texts:\n\n  {program} sink list --data-dir {directory}\n  {}\n",
        table(&["Status", "Messages"], &rows),
        count(sum.messages(), "message"),
        seconds(sum.took),
        thousands(a_second),
        thousands(counts.email),
        thousands(counts.sms),
        started.platform.settings.sink_directory().display(),
    ));
    Ok(())
}

fn end_line(started: &Started, sum: &Sum, data_dir: &Path, a_second: u64) -> Value {
    json!({
        "url": started.url, "data_dir": data_dir, "messages": sum.messages(), "statistics": sum.statistics,
        "seconds": sum.took.as_secs_f64(), "messages_per_second": a_second,
    })
}

fn indented(text: &str) -> String {
    text.lines()
        .map(|line| format!("  {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}
