//! `pillarbox sender`: whom text messages are from.

use clap::Subcommand;
use serde_json::json;

use super::{Place, answers::print_done, target::ServiceArg};

#[derive(Debug, Subcommand)]
pub(super) enum Sender {
    /// Add a text message sender
    Create {
        /// A name of up to eleven characters, or a number
        sender: String,
        /// Take it for messages that name no other
        #[arg(long)]
        default: bool,
        #[command(flatten)]
        service: ServiceArg,
    },
}

impl Sender {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<()> {
        let client = place.client()?;
        let Self::Create {
            sender,
            default,
            service,
        } = self;
        let id = service.find(&client).await?;
        let body = json!({"sms_sender": sender, "is_default": default.then_some(true)});
        print_done(
            place,
            &client
                .post(&format!("/service/{id}/sms-sender"), &body)
                .await?,
            "added sender",
        );
        Ok(())
    }
}
