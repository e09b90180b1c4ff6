//! `pillarbox suppression`: recipients to whom a service, or the whole platform, sends nothing.

use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    CommandContext,
    output::{print_done, print_list},
    target::ServiceArg,
};
use crate::{client::Client, terminal::print_line};

#[derive(Debug, Subcommand)]
pub(super) enum Suppression {
    /// List suppressed recipients, newest first
    List {
        #[command(flatten)]
        list: ListArg,
    },
    /// Send nothing more to a recipient
    Add {
        /// An e-mail address or a phone number
        recipient: String,
        #[command(flatten)]
        list: ListArg,
    },
    /// Send to a recipient again
    Remove {
        /// An e-mail address or a phone number
        recipient: String,
        #[command(flatten)]
        list: ListArg,
    },
    /// Show who was added and removed, by whom and why
    Log {
        #[command(flatten)]
        list: ListArg,
    },
}

/// Whose list it is.
#[derive(Debug, Args)]
pub(super) struct ListArg {
    #[command(flatten)]
    service: ServiceArg,
    /// The list of the platform, which holds for all services
    #[arg(long, conflicts_with = "service")]
    platform: bool,
}

impl ListArg {
    /// Returns the path of the list.
    async fn path(&self, client: &Client) -> anyhow::Result<String> {
        if self.platform {
            return Ok("/suppression".to_owned());
        }
        let service = self.service.find(client).await?;
        Ok(format!("/service/{service}/suppression"))
    }
}

impl Suppression {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        let client = context.client()?;
        match self {
            Self::List { list } => {
                let found = client.get(&list.path(&client).await?, &[]).await?;
                let columns = [
                    ("RECIPIENT", "recipient"),
                    ("CHANNEL", "notification_type"),
                    ("REASON", "reason"),
                    ("SINCE", "created_at"),
                ];
                print_list(context, &found, &columns, "nobody is on the list");
            }
            Self::Add { recipient, list } => {
                let body = json!({"recipient": recipient});
                let added = client.post(&list.path(&client).await?, &body).await?;
                print_done(
                    context,
                    &added,
                    "nothing more is sent to this recipient: entry",
                );
            }
            Self::Remove { recipient, list } => {
                let body = json!({"recipient": recipient, "remove": true});
                client.post(&list.path(&client).await?, &body).await?;
                print_line("messages are sent to this recipient again");
            }
            Self::Log { list } => {
                let path = format!("{}-events", list.path(&client).await?);
                let columns = [
                    ("WHEN", "created_at"),
                    ("ACTION", "action"),
                    ("CHANNEL", "notification_type"),
                    ("REASON", "reason"),
                    ("BY", "actor"),
                    ("RECIPIENT HASH", "recipient_hash"),
                ];
                let found = client.get(&path, &[]).await?;
                print_list(context, &found, &columns, "the list has never changed");
            }
        }
        Ok(())
    }
}
