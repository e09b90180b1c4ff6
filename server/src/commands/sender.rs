//! `pillarbox sender`: text message senders.

use clap::Subcommand;
use serde_json::json;

use super::{CommandContext, output::print_done, target::ServiceArg};

#[derive(Debug, Subcommand)]
pub(super) enum Sender {
    /// Add a text message sender
    Create {
        /// A name of up to eleven characters, or a number
        sender: String,
        /// Use it for messages without a sender of their own
        #[arg(long)]
        default: bool,
        #[command(flatten)]
        service: ServiceArg,
    },
}

impl Sender {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        let client = context.client()?;
        let Self::Create {
            sender,
            default,
            service,
        } = self;
        let id = service.find(&client).await?;
        let body = json!({"sms_sender": sender, "is_default": default.then_some(true)});
        print_done(
            context,
            &client
                .post(&format!("/service/{id}/sms-sender"), &body)
                .await?,
            "added sender",
        );
        Ok(())
    }
}
