//! `pillarbox stats`: how many notifications have which status.

use clap::Args;
use serde_json::Value;

use super::{CommandContext, target::ServiceArg};
use crate::terminal::{print_json, print_line, table};

/// Characters of the longest bar.
const BAR: i64 = 30;

#[derive(Debug, Args)]
pub(super) struct Stats {
    #[command(flatten)]
    service: ServiceArg,
    /// Today and this many days before it, at most 7
    #[arg(long, default_value_t = 7)]
    days: u32,
    /// The whole platform, in place of a service; with test keys apart
    #[arg(long, conflicts_with = "service")]
    platform: bool,
    /// With --platform: from this local day on, such as 2026-03-01
    #[arg(long, value_name = "DATE", requires_all = ["platform", "until"])]
    from: Option<String>,
    /// With --platform: until this local day
    #[arg(long, value_name = "DATE", requires = "from")]
    until: Option<String>,
}

impl Stats {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        if self.platform {
            return self.print_platform(context).await;
        }
        let client = context.client()?;
        let service = self.service.find(&client).await?;
        let days = self.days.to_string();
        let path = format!("/service/{service}/template-statistics");
        let found = client.get(&path, &[("whole_days", days.clone())]).await?;
        let found = found.as_array().map(Vec::as_slice).unwrap_or_default();
        if context.json {
            found.iter().for_each(print_json);
            return Ok(());
        }
        if found.is_empty() {
            print_line(format!(
                "nothing was sent today or in the {days} days before"
            ));
            return Ok(());
        }
        let count = |one: &Value| one["count"].as_i64().unwrap_or_default();
        let most = found.iter().map(count).max().unwrap_or_default();
        let text = |one: &Value, member: &str| one[member].as_str().unwrap_or_default().to_owned();
        let rows: Vec<_> = found
            .iter()
            .map(|one| {
                vec![
                    text(one, "template_name"),
                    text(one, "template_type"),
                    text(one, "status"),
                    count(one).to_string(),
                    bar(count(one), most),
                ]
            })
            .collect();
        print_line(table(&["Template", "Type", "Status", "Number", ""], &rows));
        Ok(())
    }

    async fn print_platform(&self, context: &CommandContext) -> anyhow::Result<()> {
        let client = context.client()?;
        let path = match (&self.from, &self.until) {
            (Some(from), Some(until)) => {
                format!("/platform-stats?start_date={from}&end_date={until}")
            }
            _ => "/platform-stats".to_owned(),
        };
        let found = client.get_raw(&path).await?;
        if context.json {
            print_json(&found);
            return Ok(());
        }
        let number = |value: &Value| value.as_i64().unwrap_or_default().to_string();
        let rows: Vec<_> = ["email", "sms", "letter"]
            .iter()
            .map(|channel| {
                let figures = &found[channel];
                let failures = &figures["failures"];
                vec![
                    (*channel).to_owned(),
                    number(&figures["total"]),
                    number(&failures["permanent-failure"]),
                    number(&failures["temporary-failure"]),
                    number(&failures["technical-failure"]),
                    number(&failures["virus-scan-failed"]),
                    number(&figures["test-key"]),
                ]
            })
            .collect();
        let titles = [
            "Channel",
            "Sent",
            "Permanent failure",
            "Temporary failure",
            "Technical failure",
            "Virus found",
            "Test keys",
        ];
        print_line(table(&titles, &rows));
        Ok(())
    }
}

/// Returns a bar for a number, at least one character long.
fn bar(number: i64, most: i64) -> String {
    let length = (number * BAR).checked_div(most).unwrap_or_default().max(1);
    "█".repeat(usize::try_from(length).unwrap_or_default())
}
