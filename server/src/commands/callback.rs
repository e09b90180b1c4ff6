//! `pillarbox callback`: callbacks to services.

use clap::{Subcommand, ValueEnum};
use serde_json::json;

use super::{CommandContext, output::print_done, target::ServiceArg};

/// Kinds of callbacks.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Kind {
    /// Final status of a notification
    DeliveryStatus,
    /// Inbound SMS
    InboundSms,
    /// Returned letters
    ReturnedLetter,
    /// Spam complaints about e-mails
    Complaint,
}

impl Kind {
    const fn path(self) -> &'static str {
        match self {
            Self::DeliveryStatus => "delivery-receipt-api",
            Self::InboundSms => "inbound-api",
            Self::ReturnedLetter => "returned-letter-api",
            Self::Complaint => "complaint-api",
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Callback {
    /// Set the URL for a kind of callback
    Set {
        /// Kind of callback
        #[arg(value_enum)]
        kind: Kind,
        /// The https URL of the service to call
        #[arg(value_name = "URL")]
        address: String,
        /// Bearer token to send with each callback, at least ten characters
        #[arg(long, env = "PILLARBOX_CALLBACK_TOKEN", hide_env_values = true)]
        bearer_token: String,
        #[command(flatten)]
        service: ServiceArg,
    },
    /// Show the URL for a kind of callback; the token is not shown
    Show {
        /// Kind of callback
        #[arg(value_enum)]
        kind: Kind,
        #[command(flatten)]
        service: ServiceArg,
    },
}

impl Callback {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        let client = context.client()?;
        match self {
            Self::Set {
                kind,
                address,
                bearer_token,
                service,
            } => {
                let id = service.find(&client).await?;
                let body = json!({"url": address, "bearer_token": bearer_token});
                let path = format!("/service/{id}/{}", kind.path());
                print_done(context, &client.post(&path, &body).await?, "set callback");
            }
            Self::Show { kind, service } => {
                let id = service.find(&client).await?;
                let path = format!("/service/{id}/{}", kind.path());
                let found = client.get(&path, &[]).await?;
                let url = found["url"].as_str().unwrap_or_default();
                print_done(context, &found, &format!("callback to {url},"));
            }
        }
        Ok(())
    }
}
