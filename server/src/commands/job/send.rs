//! `pillarbox job send`: sends a message to each row of a spreadsheet.

use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use clap::Args;
use domain::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    follow::{JobProgress, follow, summary},
    report,
    spreadsheet::{CheckReport, Spreadsheet},
};
use crate::{
    client::Client,
    commands::{CommandContext, service::without_nulls, target::ServiceArg},
    terminal::{Progress, count, print_json, print_line},
};

#[derive(Debug, Args)]
pub(in crate::commands) struct Send {
    /// Spreadsheet: CSV, XLSX, XLS or ODS
    file: PathBuf,
    /// Template, by id or name
    #[arg(long, value_name = "ID|NAME")]
    template: String,
    #[command(flatten)]
    service: ServiceArg,
    /// Encoding of a text that is not UTF-8, such as windows-1252, macintosh or shift-jis [default: guessed]
    #[arg(long, value_name = "NAME")]
    encoding: Option<String>,
    /// Reply-to address or text message sender, by id
    #[arg(long, value_name = "ID")]
    sender: Option<Uuid>,
    /// Time to send, at most seven days ahead: 2026-03-02T10:00 in the time zone of the settings, or with an offset as in
    /// 2026-03-02T10:00Z [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Wait until every row is sent or has failed; letters, until they wait for the print run
    #[arg(long)]
    follow: bool,
}

impl Send {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<ExitCode> {
        let started_at = Instant::now();
        let time_zone = context.settings(None)?.0.time_zone;
        let at = self.at.as_deref().map(|at| time_zone.parse_time(at));
        let at = at.transpose().context("--at")?;
        let client = context.client()?;
        let spreadsheet = Spreadsheet::find(
            &client,
            self.file,
            &self.service,
            &self.template,
            self.encoding,
        )
        .await?;
        let checked = spreadsheet.upload(&client, self.sender, true).await?;
        if !checked.valid {
            report::print(context, &spreadsheet, &checked);
            return Ok(ExitCode::FAILURE);
        }
        report::print_warnings(&checked);
        let job = create(&client, &spreadsheet, &checked, at).await?;
        if !self.follow {
            print_created(context, &job, &checked);
            return Ok(ExitCode::SUCCESS);
        }
        // With --json, the lines of the progress contain the id.
        if !context.json {
            print_created(context, &job, &checked);
        }
        let job_progress = watch(context, &client, &spreadsheet, &job).await?;
        print_end(context, &job_progress, started_at.elapsed());
        Ok(if job_progress.is_finished() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

/// Creates the job for a stored spreadsheet.
async fn create(
    client: &Client,
    spreadsheet: &Spreadsheet,
    checked: &CheckReport,
    at: Option<Timestamp>,
) -> anyhow::Result<Value> {
    let id = checked
        .id
        .context("the platform did not store the spreadsheet")?;
    let body = without_nulls(json!({"id": id, "scheduled_for": at}));
    client
        .post(&format!("/service/{}/job", spreadsheet.service), &body)
        .await
}

fn print_created(context: &CommandContext, job: &Value, checked: &CheckReport) {
    if context.json {
        return print_json(job);
    }
    let id = job["id"].as_str().unwrap_or_default();
    let when = job["scheduled_for"]
        .as_str()
        .map_or_else(String::new, |at| format!(", scheduled for {at}"));
    print_line(format!("job {id}: {}{when}", count(checked.rows, "row")));
}

async fn watch(
    context: &CommandContext,
    client: &Client,
    spreadsheet: &Spreadsheet,
    job: &Value,
) -> anyhow::Result<JobProgress> {
    let id = crate::commands::target::id_of(job)?;
    let mut progress = Progress::new(!context.json);
    let job_progress = follow(client, spreadsheet, id, |job_progress| {
        if context.json {
            print_json(&job_progress.to_json());
        }
        job_progress.show(&mut progress);
    })
    .await;
    progress.clear();
    job_progress
}

fn print_end(context: &CommandContext, job_progress: &JobProgress, took: Duration) {
    if context.json {
        let mut line = job_progress.to_json();
        line["seconds"] = json!(took.as_secs_f64());
        print_json(&line);
    } else {
        print_line(summary(job_progress, took));
    }
}

/// Sends a valid spreadsheet and waits until each row has a final status, for commands with their own output.
pub(in crate::commands) async fn send_and_follow(
    client: &Client,
    spreadsheet: &Spreadsheet,
    progress: &mut Progress,
) -> anyhow::Result<JobProgress> {
    let checked = spreadsheet.upload(client, None, true).await?;
    anyhow::ensure!(checked.valid, "{} has errors", spreadsheet.source.name());
    let job = create(client, spreadsheet, &checked, None).await?;
    let id = crate::commands::target::id_of(&job)?;
    let job_progress = follow(client, spreadsheet, id, |job_progress| {
        job_progress.show(progress);
    })
    .await;
    progress.clear();
    job_progress
}
