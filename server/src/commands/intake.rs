//! `pillarbox intake`: what waits in the intake log, and what was set aside.

use anyhow::Context as _;
use clap::Subcommand;
use intake::{QUEUES, queue_name};
use serde_json::json;

use super::CommandContext;
use crate::terminal::{print_json, print_line};

#[derive(Debug, Subcommand)]
pub(super) enum Intake {
    /// Show how many groups of messages wait to be saved, and how many were set aside
    Show,
    /// Let savers try again what was set aside
    Replay,
}

impl Intake {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        let (settings, _) = context.settings(None)?;
        let log = settings.intake.open().await?;
        let log = log.context("there is no intake log: log in [intake] is not set")?;
        for queue in QUEUES {
            let name = queue_name(queue);
            if matches!(self, Self::Replay) {
                let replayed = log.replay_aside(queue).await?;
                if context.json {
                    print_json(&json!({"queue": name, "replayed": replayed}));
                } else {
                    print_line(format!("{name}: {replayed} groups are tried again"));
                }
                continue;
            }
            let (waiting, aside) = (log.depth(queue).await?, log.count_aside(queue).await?);
            if context.json {
                print_json(&json!({"queue": name, "waiting": waiting, "aside": aside}));
            } else {
                print_line(format!(
                    "{name}: {waiting} groups wait, {aside} were set aside"
                ));
            }
        }
        Ok(())
    }
}
