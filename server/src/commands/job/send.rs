//! `pillarbox job send`: a message to every row.

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
    follow::{Standing, follow, summary},
    report,
    sheet::{Checked, Sheet},
};
use crate::{
    client::Client,
    commands::{Place, service::given, target::ServiceArg},
    screen::{Progress, count, say, say_json},
};

#[derive(Debug, Args)]
pub(in crate::commands) struct Send {
    /// The spreadsheet: CSV, XLSX, XLS or ODS
    file: PathBuf,
    /// The template, by id or name
    #[arg(long, value_name = "ID|NAME")]
    template: String,
    #[command(flatten)]
    service: ServiceArg,
    /// The reply-to address or text message sender to use, by id
    #[arg(long, value_name = "ID")]
    sender: Option<Uuid>,
    /// When to send, such as 2026-03-02T10:00:00Z; at most seven days ahead [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// Stay until every row has an outcome
    #[arg(long)]
    follow: bool,
}

impl Send {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<ExitCode> {
        let began = Instant::now();
        let client = place.client()?;
        let sheet = Sheet::find(&client, self.file, &self.service, &self.template).await?;
        let checked = sheet.upload(&client, self.sender, true).await?;
        if !checked.valid {
            report::print(place, &sheet, &checked);
            return Ok(ExitCode::FAILURE);
        }
        let job = create(&client, &sheet, &checked, self.at).await?;
        if !self.follow {
            print_created(place, &job, &checked);
            return Ok(ExitCode::SUCCESS);
        }
        if !place.json {
            print_created(place, &job, &checked);
        }
        let standing = watch(place, &client, &sheet, &job).await?;
        print_end(place, &standing, began.elapsed());
        Ok(if standing.is_finished() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

/// Makes the job of a spreadsheet that was kept.
async fn create(
    client: &Client,
    sheet: &Sheet,
    checked: &Checked,
    at: Option<Timestamp>,
) -> anyhow::Result<Value> {
    let id = checked.id.context("the platform kept no spreadsheet")?;
    let body = given(json!({"id": id, "scheduled_for": at}));
    client
        .post(&format!("/service/{}/job", sheet.service), &body)
        .await
}

fn print_created(place: &Place, job: &Value, checked: &Checked) {
    if place.json {
        return say_json(job);
    }
    let id = job["id"].as_str().unwrap_or_default();
    let when = job["scheduled_for"]
        .as_str()
        .map_or_else(String::new, |at| format!(", to be sent at {at}"));
    say(format!("job {id}: {}{when}", count(checked.rows, "row")));
}

async fn watch(
    place: &Place,
    client: &Client,
    sheet: &Sheet,
    job: &Value,
) -> anyhow::Result<Standing> {
    let id = crate::commands::target::id_of(job)?;
    let mut progress = Progress::new(!place.json);
    let standing = follow(client, sheet.service, id, |standing| {
        if place.json {
            say_json(&standing.line());
        }
        standing.show(&mut progress);
    })
    .await;
    progress.clear();
    standing
}

fn print_end(place: &Place, standing: &Standing, took: Duration) {
    if place.json {
        let mut line = standing.line();
        line["seconds"] = json!(took.as_secs_f64());
        say_json(&line);
    } else {
        say(summary(standing, took));
    }
}

/// Sends a checked spreadsheet and waits until each row has an outcome, for a command that shows it in its own way.
pub(in crate::commands) async fn send_and_follow(
    client: &Client,
    sheet: &Sheet,
    progress: &mut Progress,
) -> anyhow::Result<Standing> {
    let checked = sheet.upload(client, None, true).await?;
    anyhow::ensure!(checked.valid, "{} has errors", sheet.source.name());
    let job = create(client, sheet, &checked, None).await?;
    let id = crate::commands::target::id_of(&job)?;
    let standing = follow(client, sheet.service, id, |standing| {
        standing.show(progress)
    })
    .await;
    progress.clear();
    standing
}
