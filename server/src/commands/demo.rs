//! `pillarbox demo`: a demonstration of the main use, sending spreadsheets. It uses real HTTP, a real database and real
//! files; only the provider is the development sink.

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
    CommandContext, job,
    token::parts,
    up::{self, DemoAccess, StartedPlatform, program_path, shell_quote},
};
use crate::{
    client::Client,
    roles,
    settings::Settings,
    signals,
    system::SystemRandom,
    telemetry,
    terminal::{Progress, count, print_json, print_line, rate, seconds, table, thousands},
};

const LIBRARY_CARDS: job::Source = job::Source::Embedded(
    "library-cards.csv",
    include_bytes!("../../../examples/library-cards.csv"),
);
const BIN_DAYS: job::Source = job::Source::Embedded(
    "bin-days.xlsx",
    include_bytes!("../../../examples/bin-days.xlsx"),
);
const INVALID_BIN_DAYS: job::Source = job::Source::Embedded(
    "bin-days-with-errors.csv",
    include_bytes!("../../../examples/bin-days-with-errors.csv"),
);

const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Number of errors to show of the invalid spreadsheet.
const ERRORS_SHOWN: usize = 6;

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Exit when all messages are sent, in place of running until Ctrl-C
    #[arg(long)]
    exit: bool,
    /// Address to listen on [default: 127.0.0.1:6011, or a free port if that is in use]
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
}

/// Messages sent so far, by status, and the time it took.
#[derive(Debug, Default)]
struct Totals {
    statistics: BTreeMap<String, u64>,
    took: Duration,
}

impl Demo {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        let context = &with_temporary_data_dir(context);
        let (mut settings, _) = context.settings(self.listen.as_deref())?;
        if settings.log.level == Settings::default().log.level {
            // The demonstration is on standard output; log lines about normal operation would interrupt it.
            "warn".clone_into(&mut settings.log.level);
        }
        telemetry::start(&settings.log)?;
        let stop = signals::stop_on_signal()?;
        let data_dir = settings.data_dir.clone();
        let (listen, any_port) = (settings.listen.clone(), self.listen.is_none());
        let started_at = Instant::now();
        let started = up::start(
            settings,
            async || listen_with_fallback(&listen, any_port).await,
            stop.clone(),
        )
        .await?;
        print_unless_json(
            context,
            &format!(
                "Pillarbox runs at {} (started in {}).\n",
                started.url,
                seconds(started_at.elapsed())
            ),
        );

        let result = tokio::select! {
            result = run_scenario(context, &started) => result,
            () = stop.cancelled() => Err(anyhow::anyhow!("interrupted")),
        };
        let outcome = result.and_then(|totals| print_end(context, &started, &totals, &data_dir));
        if self.exit || outcome.is_err() {
            stop.cancel();
        } else {
            print_unless_json(
                context,
                &format!(
                    "Pillarbox keeps running at {}. Press Ctrl-C to stop it.",
                    started.url
                ),
            );
        }
        started.running.run_until_stopped().await.and(outcome)
    }
}

/// Uses a new temporary data directory, unless one is given.
fn with_temporary_data_dir(context: &CommandContext) -> CommandContext {
    if context.data_dir.is_some() {
        return context.clone();
    }
    // The temporary directory is shared: with a predictable name, another user could create this directory first.
    let mut random = [0; 8];
    SystemRandom.fill(&mut random);
    let name = format!("pillarbox-demo-{:016x}", u64::from_be_bytes(random));
    let directory: PathBuf = std::env::temp_dir().join(name);
    CommandContext {
        data_dir: Some(directory),
        ..context.clone()
    }
}

async fn listen_with_fallback(address: &str, any_port: bool) -> anyhow::Result<TcpListener> {
    match TcpListener::bind(address).await {
        // Only without --listen: a requested address must not change silently.
        Err(error) if error.kind() == ErrorKind::AddrInUse && any_port => {
            roles::listen("127.0.0.1:0").await
        }
        Ok(listener) => Ok(listener),
        // Once more, for its error message.
        Err(_) => roles::listen(address).await,
    }
}

fn print_unless_json(context: &CommandContext, text: &str) {
    if !context.json {
        print_line(text);
    }
}

/// Checks an invalid spreadsheet, sends two valid ones and one message over the API.
async fn run_scenario(
    context: &CommandContext,
    started: &StartedPlatform,
) -> anyhow::Result<Totals> {
    let secret = started.platform.internal_secrets[0].clone();
    let client = Client::new(
        &started.url,
        &started.platform.settings.internal_client_id,
        secret,
    )?;
    let demo = &started.demo;
    let mut totals = Totals::default();

    check_invalid_spreadsheet(context, &client, demo).await?;
    send(
        context,
        &client,
        demo,
        LIBRARY_CARDS,
        demo.templates.email,
        &mut totals,
    )
    .await?;
    send(
        context,
        &client,
        demo,
        BIN_DAYS,
        demo.templates.sms,
        &mut totals,
    )
    .await?;
    send_one_over_the_api(context, started, &mut totals).await?;
    Ok(totals)
}

async fn spreadsheet(
    client: &Client,
    demo: &DemoAccess,
    source: job::Source,
    template: Uuid,
) -> anyhow::Result<job::Spreadsheet> {
    let service = demo.service_id;
    let template = client
        .get(&format!("/service/{service}/template/{template}"), &[])
        .await?;
    Ok(job::Spreadsheet {
        source,
        service,
        template,
        encoding: None,
    })
}

async fn check_invalid_spreadsheet(
    context: &CommandContext,
    client: &Client,
    demo: &DemoAccess,
) -> anyhow::Result<()> {
    let spreadsheet = spreadsheet(client, demo, INVALID_BIN_DAYS, demo.templates.sms).await?;
    let checked = job::check(client, &spreadsheet).await?;
    let shown = &checked.errors[..checked.errors.len().min(ERRORS_SHOWN)];
    print_unless_json(
        context,
        &format!(
            "{} has errors, so nothing is sent:\n",
            spreadsheet.source.name()
        ),
    );
    print_unless_json(context, &indented(&job::errors_table(shown)));
    let more = checked.errors.len() - shown.len();
    if more > 0 {
        print_unless_json(context, &format!("  … and {more} more"));
    }
    Ok(())
}

async fn send(
    context: &CommandContext,
    client: &Client,
    demo: &DemoAccess,
    source: job::Source,
    template: Uuid,
    totals: &mut Totals,
) -> anyhow::Result<()> {
    let spreadsheet = spreadsheet(client, demo, source, template).await?;
    let checked = job::check(client, &spreadsheet).await?;
    let name = spreadsheet.source.name();
    print_unless_json(
        context,
        &format!(
            "\n{name}: {}, no errors; sending with the template `{}`",
            count(checked.rows, "row"),
            spreadsheet.template_name()
        ),
    );
    let started_at = Instant::now();
    let mut progress = Progress::new(!context.json);
    let job_progress = job::send_and_follow(client, &spreadsheet, &mut progress).await?;
    let took = started_at.elapsed();
    if job_progress.outcomes() != checked.rows {
        bail!(
            "{name}: only {} of {} have a final status",
            job_progress.outcomes(),
            count(checked.rows, "row")
        );
    }
    let per_second = thousands(rate(checked.rows, took));
    print_unless_json(
        context,
        &format!(
            "  {} sent in {}, {per_second} per second",
            count(checked.rows, "message"),
            seconds(took)
        ),
    );
    totals.add(job_progress.statistics, took);
    Ok(())
}

/// Sends one e-mail as a service would: over the public API, with an API key.
async fn send_one_over_the_api(
    context: &CommandContext,
    started: &StartedPlatform,
    totals: &mut Totals,
) -> anyhow::Result<()> {
    let (service, secret) =
        parts(&started.demo.api_key).context("the API key of the demo service is not valid")?;
    let client = Client::new(&started.url, service, secret.to_owned().into())?;
    let body = json!({
        "email_address": "amala@example.com",
        "template_id": started.demo.templates.email,
        "personalisation": {"name": "Amala", "branch": "Riverside", "date": "Monday 2 March"},
        "reference": "demo",
    });
    let started_at = Instant::now();
    let accepted = client.post_raw("/v2/notifications/email", &body).await?;
    let accepted_after = started_at.elapsed();
    let path = format!(
        "/v2/notifications/{}",
        accepted["id"].as_str().unwrap_or_default()
    );
    let status = loop {
        let status = client.get_raw(&path).await?["status"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if status != "created" {
            break status;
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    };
    let took = started_at.elapsed();
    let milliseconds = |took: Duration| format!("{:.0} ms", took.as_secs_f64() * 1000.0);
    print_unless_json(
        context,
        &format!(
            "\nPOST /v2/notifications/email: accepted after {}, {status} after {}\n",
            milliseconds(accepted_after),
            milliseconds(took)
        ),
    );
    totals.add([(status, 1)].into(), took);
    Ok(())
}

impl Totals {
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

fn print_end(
    context: &CommandContext,
    started: &StartedPlatform,
    totals: &Totals,
    data_dir: &Path,
) -> anyhow::Result<()> {
    let counts = app::Sink::new(started.platform.settings.sink_directory()).count()?;
    let per_second = rate(totals.messages(), totals.took);
    if context.json {
        print_json(&end_line(started, totals, data_dir, per_second));
        return Ok(());
    }
    let rows: Vec<_> = totals
        .statistics
        .iter()
        .map(|(status, count)| vec![status.clone(), thousands(*count)])
        .collect();
    let (program, directory) = (
        shell_quote(&program_path()?),
        shell_quote(&data_dir.display().to_string()),
    );
    print_line(format!(
        "{}\n\n{} in {}, {} per second. The development sink holds {} e-mails and {} text messages:\n\n  {program} sink list --data-dir {directory}\n  {}\n\n\
         A letter would wait for the print run at 17:50 London time; this starts one:\n\n  {program} letters print-run --now --data-dir {directory}\n",
        table(&["Status", "Messages"], &rows),
        count(totals.messages(), "message"),
        seconds(totals.took),
        thousands(per_second),
        thousands(counts.email),
        thousands(counts.sms),
        started.platform.settings.sink_directory().display(),
    ));
    Ok(())
}

fn end_line(started: &StartedPlatform, totals: &Totals, data_dir: &Path, per_second: u64) -> Value {
    json!({
        "url": started.url, "data_dir": data_dir, "messages": totals.messages(), "statistics": totals.statistics,
        "seconds": totals.took.as_secs_f64(), "messages_per_second": per_second,
    })
}

fn indented(text: &str) -> String {
    text.lines()
        .map(|line| format!("  {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}
