//! `pillarbox check`: whether what is stored agrees with itself.

use std::process::ExitCode;

use app::consistency::{self, Finding};
use clap::Args;

use super::CommandContext;
use crate::{
    terminal::{print_json, print_line},
    wiring,
};

#[derive(Debug, Args)]
pub(super) struct Check {
    /// Repair what can be repaired; what must be sent is enqueued for the workers of the platform
    #[arg(long)]
    repair: bool,
    /// Remove the files that nothing in the database names; look at the list of them first
    #[arg(long)]
    remove_files: bool,
}

impl Check {
    /// The exit code is 1 if something was found that was not repaired.
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<ExitCode> {
        let (mut settings, _) = context.settings(None)?;
        // It may run beside a platform of another version, and the database stays as it is.
        settings.migrate_on_start = false;
        let platform = wiring::open(settings).await?;
        let mut found = consistency::check(&platform.app).await?;
        print(context, &found)?;
        if (self.repair || self.remove_files) && found.iter().any(|one| one.count > 0) {
            if self.repair {
                consistency::repair(&platform.app).await?;
            }
            if self.remove_files {
                consistency::remove_abandoned_files(&platform.app).await?;
            }
            found = consistency::check(&platform.app).await?;
            if !context.json {
                print_line("");
                print_line("after the repair:");
            }
            print(context, &found)?;
        }
        platform.app.store().close().await;
        let agrees = found.iter().all(|one| one.count == 0);
        Ok(if agrees {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

fn print(context: &CommandContext, found: &[Finding]) -> anyhow::Result<()> {
    for one in found {
        if context.json {
            print_json(&serde_json::to_value(one)?);
            continue;
        }
        if one.count == 0 {
            print_line(format!("ok       {}: none", one.subject));
            continue;
        }
        print_line(format!("PROBLEM  {}: {}", one.subject, one.count));
        print_line(format!("         {}", one.advice));
        for example in &one.examples {
            print_line(format!("         {example}"));
        }
        let others = one.count - one.examples.len() as u64;
        if others > 0 {
            print_line(format!("         and {others} more"));
        }
    }
    Ok(())
}
