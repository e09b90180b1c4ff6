//! `pillarbox reply-to`: where answers to e-mails go.

use clap::Subcommand;
use serde_json::json;

use super::{Place, answers::print_done, target::ServiceArg};

#[derive(Debug, Subcommand)]
pub(super) enum ReplyTo {
    /// Add a reply-to address
    Create {
        /// The address
        email_address: String,
        /// Take it for messages that name no other
        #[arg(long)]
        default: bool,
        #[command(flatten)]
        service: ServiceArg,
    },
}

impl ReplyTo {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<()> {
        let client = place.client()?;
        let Self::Create {
            email_address,
            default,
            service,
        } = self;
        let id = service.find(&client).await?;
        let body = json!({"email_address": email_address, "is_default": default.then_some(true)});
        print_done(
            place,
            &client
                .post(&format!("/service/{id}/email-reply-to"), &body)
                .await?,
            "added reply-to address",
        );
        Ok(())
    }
}
