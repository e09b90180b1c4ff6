//! `pillarbox letters check-result` and `pillarbox letters resanitise`: letters that services supply as PDF.

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
