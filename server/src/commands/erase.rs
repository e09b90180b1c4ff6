//! `pillarbox erase`: erases all personal data of one recipient.

use std::{
    io::{BufRead as _, IsTerminal as _},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use app::{
    App,
    privacy::erasure::{Erasure, Recipient, Report},
};
use clap::Args;
use domain::ServiceId;
use serde_json::json;

use super::CommandContext;
use crate::{
    terminal::{count, print_json, print_line, thousands},
    wiring,
};

/// How long to wait for workers that are processing messages of the recipient.
const TIMEOUT: Duration = Duration::from_mins(2);
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(super) struct Erase {
    /// E-mail address or phone number; `-` reads it from standard input, which keeps it out of the shell history
    #[arg(allow_hyphen_values = true)]
    recipient: String,
    /// Only the data of this service, by id or name [default: all services]
    #[arg(long, value_name = "ID|NAME")]
    service: Option<String>,
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
}

impl Erase {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        let recipient = Recipient::parse(&self.read_recipient()?)?;
        if !self.yes {
            confirm()?;
        }
        let (settings, _) = context.settings(None)?;
        let platform = wiring::open(settings).await?;
        let service = match &self.service {
            Some(wanted) => Some(find_service(&platform.app, wanted).await?),
            None => None,
        };
        let mut erasure = Erasure::new(&platform.app, recipient, service);
        let started_at = Instant::now();
        // Messages that a worker is sending can be erased only after their outcome is stored.
        while !erasure.run().await? && started_at.elapsed() < TIMEOUT {
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
        let report = erasure.report().clone();
        platform.app.store().close().await;
        print(context, &report);
        check_complete(&report)
    }

    fn read_recipient(&self) -> anyhow::Result<String> {
        if self.recipient != "-" {
            return Ok(self.recipient.clone());
        }
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }
}

fn confirm() -> anyhow::Result<()> {
    if !std::io::stdin().is_terminal() {
        bail!("erasing cannot be undone: confirm with --yes");
    }
    print_line("Erasing cannot be undone. Type `yes` to continue:");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if answer.trim() != "yes" {
        bail!("nothing was erased");
    }
    Ok(())
}

async fn find_service(app: &App, wanted: &str) -> anyhow::Result<ServiceId> {
    let services = app::manage::services::list(app).await?;
    let name = wanted.trim().to_lowercase();
    let id = wanted.parse::<ServiceId>().ok();
    let found = services
        .iter()
        .find(|one| Some(one.id) == id || one.name.trim().to_lowercase() == name);
    Ok(found
        .with_context(|| format!("there is no service `{wanted}`"))?
        .id)
}

fn print(context: &CommandContext, report: &Report) {
    let tables = [
        ("notifications", report.notifications, "notifications"),
        ("cancelled", report.cancelled, "notifications cancelled"),
        ("documents", report.documents, "files by e-mail"),
        ("inbound_sms", report.received_texts, "inbound SMS"),
        (
            "unsubscribe_requests",
            report.unsubscribe_requests,
            "unsubscribe requests",
        ),
        ("complaints", report.complaints, "complaints"),
        (
            "suppressions",
            report.suppressions,
            "entries of suppression lists (their hashes stay)",
        ),
        ("guest_list", report.guests, "guest list entries"),
        (
            "spreadsheets",
            report.spreadsheets,
            "spreadsheets rewritten",
        ),
        (
            "contact_lists",
            report.contact_lists,
            "contact lists rewritten",
        ),
        ("rows", report.rows, "rows in them"),
        ("idempotency_keys", report.answers, "stored responses"),
    ];
    if context.json {
        let mut line = serde_json::Map::new();
        for (table, number, _) in tables {
            line.insert(table.to_owned(), number.into());
        }
        line.insert("users_not_erased".to_owned(), report.team_members.into());
        line.insert("waiting".to_owned(), report.waiting.into());
        line.insert("unreadable".to_owned(), json!(report.unreadable));
        return print_json(&line.into());
    }
    print_line("erased:");
    for (_, number, what) in tables {
        print_line(format!("  {} {what}", thousands(number)));
    }
    if report.team_members > 0 {
        print_line(format!(
            "not erased: {} with this address or number; remove them from their teams by hand",
            count(report.team_members, "team member")
        ));
    }
    print_line("Copies at providers, in backups and in the development sink are not erased.");
}

fn check_complete(report: &Report) -> anyhow::Result<()> {
    if !report.unreadable.is_empty() {
        bail!(
            "these files cannot be read, so they may still contain the recipient: {}",
            report.unreadable.join(", ")
        );
    }
    if report.waiting > 0 {
        bail!(
            "{} still being processed by a worker: run this again in a few minutes, and `pillarbox job resume` for a job that \
             is still paused then",
            count(report.waiting, "item")
        );
    }
    Ok(())
}
