//! `pillarbox letters check-result`, `rescan` and `resanitise`: letters that services supply as PDF.

use clap::Subcommand;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{CommandContext, target::ServiceArg};
use crate::terminal::{print_json, print_line, text_of};

#[derive(Debug, Subcommand)]
pub(super) enum SuppliedLetters {
    /// Show why a supplied letter failed its check, and on which pages
    CheckResult {
        /// Id of the letter
        letter: Uuid,
        #[command(flatten)]
        service: ServiceArg,
    },
    /// Scan and check supplied letters again that failed because they could not be scanned or checked
    Rescan {
        /// Id of the letter; without one, all such letters of all services
        letter: Option<Uuid>,
        #[command(flatten)]
        service: ServiceArg,
        /// Without a letter: how many days old letters may be
        #[arg(long, default_value_t = 7, conflicts_with = "letter")]
        days: u32,
    },
    /// Rewrite a supplied letter that waits for its print run once more, from the file as it was supplied
    Resanitise {
        /// Id of the letter
        letter: Uuid,
        #[command(flatten)]
        service: ServiceArg,
    },
}

impl SuppliedLetters {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        let client = context.client()?;
        match self {
            Self::CheckResult { letter, service } => {
                let service = service.find(&client).await?;
                let path = format!("/service/{service}/notifications/{letter}/validation");
                let found = client.get(&path, &[]).await?;
                print_result(context, &found);
            }
            Self::Rescan {
                letter: Some(letter),
                service,
                ..
            } => {
                let service = service.find(&client).await?;
                let path = format!("/service/{service}/notifications/{letter}/rescan");
                let done = client.post(&path, &json!({})).await?;
                if context.json {
                    print_json(&done);
                } else {
                    print_line(format!("letter {letter} waits for its scan again"));
                }
            }
            Self::Rescan {
                letter: None, days, ..
            } => {
                let done = client
                    .post("/letters/rescan", &json!({"days": days}))
                    .await?;
                print_rescanned(context, &done);
            }
            Self::Resanitise { letter, service } => {
                let service = service.find(&client).await?;
                let path = format!("/service/{service}/notifications/{letter}/resanitise");
                let done = client.post(&path, &json!({})).await?;
                if context.json {
                    print_json(&done);
                } else {
                    print_line(format!("letter {letter} was rewritten"));
                }
            }
        }
        Ok(())
    }
}

fn print_rescanned(context: &CommandContext, done: &Value) {
    if context.json {
        print_json(done);
        return;
    }
    print_line(format!(
        "{} letters wait for their scan again",
        done["rescanned"]
    ));
    for letter in done["without_pdf"].as_array().into_iter().flatten() {
        let letter = letter.as_str().unwrap_or_default();
        print_line(format!(
            "letter {letter} has no PDF in the file storage: its service must send it again"
        ));
    }
}

fn print_result(context: &CommandContext, found: &Value) {
    if context.json {
        print_json(found);
        return;
    }
    print_line(format!(
        "{}: {}",
        text_of(found, "message"),
        text_of(found, "explanation")
    ));
    print_line(format!("Pages: {}", found["invalid_pages"]));
}
