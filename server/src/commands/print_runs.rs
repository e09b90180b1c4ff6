//! `pillarbox letters print-run` and `pillarbox letters runs`: the nightly print run.

use clap::Subcommand;
use serde_json::json;

use super::{CommandContext, output::print_list};
use crate::terminal::{print_json, print_line, text_of};

#[derive(Debug, Subcommand)]
pub(super) enum PrintRuns {
    /// Hand over the letters that wait for a print run now, without waiting for the evening
    PrintRun {
        /// Take letters that were created before this time, such as 2026-03-02T17:30:00Z [default: the last half past five, London time]
        #[arg(long, value_name = "TIME", conflicts_with = "now")]
        deadline: Option<String>,
        /// Take every letter that exists, also those that could still be cancelled
        #[arg(long)]
        now: bool,
    },
    /// List the last print runs with what became of their letters, newest first
    Runs,
}

impl PrintRuns {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        let client = context.client()?;
        match self {
            Self::PrintRun { deadline, now } => {
                let body = json!({"deadline": deadline, "now": now});
                let started = client.post("/letters/print-runs", &body).await?;
                if context.json {
                    print_json(&started);
                } else {
                    print_line(format!(
                        "letters created before {} are handed over; see `pillarbox letters runs`",
                        text_of(&started, "deadline")
                    ));
                }
                Ok(())
            }
            Self::Runs => {
                let columns = [
                    ("Deadline", "deadline"),
                    ("Started", "started_at"),
                    ("Finished", "finished_at"),
                    ("Letters", "letters"),
                    ("Sheets", "sheets"),
                    ("Not handed over", "not_handed_over"),
                ];
                let found = client.get("/letters/print-runs", &[]).await?;
                print_list(context, &found, &columns, "there was no print run yet");
                Ok(())
            }
        }
    }
}
