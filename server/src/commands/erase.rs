//! `pillarbox erase`: one recipient is erased everywhere.

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

use super::Place;
use crate::{
    screen::{count, say, say_json, thousands},
    wiring,
};

/// For how long workers are waited for that have something of the recipient in hand.
const PATIENCE: Duration = Duration::from_mins(2);
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(super) struct Erase {
    /// An e-mail address or a phone number; `-` reads it from the standard input, so that it stands in no history
    #[arg(allow_hyphen_values = true)]
    recipient: String,
    /// Only what this service has, by id or name [default: what all have]
    #[arg(long, value_name = "ID|NAME")]
    service: Option<String>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Erase {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<()> {
        let recipient = Recipient::parse(&self.read_recipient()?)?;
        if !self.yes {
            ask()?;
        }
        let (settings, _) = place.settings(None)?;
        let platform = wiring::open(settings).await?;
        let service = match &self.service {
            Some(wanted) => Some(find_service(&platform.app, wanted).await?),
            None => None,
        };
        let mut erasure = Erasure::new(&platform.app, recipient, service);
        let begun = Instant::now();
        while !erasure.go_on().await? && begun.elapsed() < PATIENCE {
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        let report = erasure.report().clone();
        platform.app.store().close().await;
        print(place, &report);
        complain_of_the_rest(&report)
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

fn ask() -> anyhow::Result<()> {
    if !std::io::stdin().is_terminal() {
        bail!("erasing cannot be undone: say --yes");
    }
    say("Erasing cannot be undone. Type `yes` to go on:");
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

fn print(place: &Place, report: &Report) {
    let tables = [
        ("notifications", report.notifications, "messages"),
        ("cancelled", report.cancelled, "messages that waited"),
        ("documents", report.documents, "files by e-mail"),
        ("inbound_sms", report.received_texts, "received texts"),
        (
            "unsubscribe_requests",
            report.unsubscribe_requests,
            "unsubscribe requests",
        ),
        ("guest_list", report.guests, "places on guest lists"),
        (
            "spreadsheets",
            report.spreadsheets,
            "spreadsheets written anew",
        ),
        (
            "contact_lists",
            report.contact_lists,
            "contact lists written anew",
        ),
        ("rows", report.rows, "rows in these"),
        ("idempotency_keys", report.answers, "kept answers"),
    ];
    if place.json {
        let mut line = serde_json::Map::new();
        for (table, number, _) in tables {
            line.insert(table.to_owned(), number.into());
        }
        line.insert("users_not_erased".to_owned(), report.team_members.into());
        line.insert("waiting".to_owned(), report.waiting.into());
        line.insert("unreadable".to_owned(), json!(report.unreadable));
        return say_json(&line.into());
    }
    say("erased:");
    for (_, number, what) in tables {
        say(format!("  {} {what}", thousands(number)));
    }
    if report.team_members > 0 {
        say(format!(
            "not erased: {} with this address or number; take them out of their teams by hand",
            count(report.team_members, "team member")
        ));
    }
    say(
        "What providers, backups and, where there is one, the development sink have is not erased by this.",
    );
}

fn complain_of_the_rest(report: &Report) -> anyhow::Result<()> {
    if !report.unreadable.is_empty() {
        bail!(
            "these files cannot be read, so whether the recipient is in them is not known: {}",
            report.unreadable.join(", ")
        );
    }
    if report.waiting > 0 {
        bail!(
            "{} a worker has in hand: run this again in a few minutes, and `pillarbox job resume` for a job that is \
             still paused then",
            count(report.waiting, "thing")
        );
    }
    Ok(())
}
