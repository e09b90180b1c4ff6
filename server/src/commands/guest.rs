//! `pillarbox guest`: the guest list of a service in trial mode.

use clap::Subcommand;
use serde_json::json;

use super::{CommandContext, output::print_done, target::ServiceArg};

#[derive(Debug, Subcommand)]
pub(super) enum Guest {
    /// Add a recipient to the guest list
    Add {
        /// An e-mail address or a phone number
        recipient: String,
        #[command(flatten)]
        service: ServiceArg,
    },
}

impl Guest {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        let client = context.client()?;
        let Self::Add { recipient, service } = self;
        let id = service.find(&client).await?;
        let body = json!({"recipient": recipient});
        print_done(
            context,
            &client
                .post(&format!("/service/{id}/guest-list"), &body)
                .await?,
            "added the guest",
        );
        Ok(())
    }
}
