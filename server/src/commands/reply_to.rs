//! `pillarbox reply-to`: reply-to addresses of e-mails.

use clap::Subcommand;
use serde_json::json;

use super::{CommandContext, output::print_done, target::ServiceArg};

#[derive(Debug, Subcommand)]
pub(super) enum ReplyTo {
    /// Add a reply-to address
    Create {
        /// The address
        email_address: String,
        /// Use it for messages without a reply-to address of their own
        #[arg(long)]
        default: bool,
        #[command(flatten)]
        service: ServiceArg,
    },
}

impl ReplyTo {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        let client = context.client()?;
        let Self::Create {
            email_address,
            default,
            service,
        } = self;
        let id = service.find(&client).await?;
        let body = json!({"email_address": email_address, "is_default": default.then_some(true)});
        print_done(
            context,
            &client
                .post(&format!("/service/{id}/email-reply-to"), &body)
                .await?,
            "added reply-to address",
        );
        Ok(())
    }
}
