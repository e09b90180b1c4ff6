//! `pillarbox callback`: where a service is told what happened.

use clap::{Subcommand, ValueEnum};
use serde_json::json;

use super::{Place, answers::print_done, target::ServiceArg};

/// What a service can be told.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Kind {
    /// How its messages ended
    DeliveryStatus,
    /// What was written to its number
    InboundSms,
    /// Which letters came back
    ReturnedLetter,
    /// Who complained about an e-mail
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
    /// Set where a service is told
    Set {
        /// What it is told
        #[arg(value_enum)]
        kind: Kind,
        /// An https URL of the service
        #[arg(value_name = "URL")]
        address: String,
        /// At least ten characters by which the service knows us
        #[arg(long, env = "PILLARBOX_CALLBACK_TOKEN", hide_env_values = true)]
        bearer_token: String,
        #[command(flatten)]
        service: ServiceArg,
    },
    /// Show where a service is told; its token stays inside
    Show {
        /// What it is told
        #[arg(value_enum)]
        kind: Kind,
        #[command(flatten)]
        service: ServiceArg,
    },
}

impl Callback {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<()> {
        let client = place.client()?;
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
                print_done(place, &client.post(&path, &body).await?, "set callback");
            }
            Self::Show { kind, service } => {
                let id = service.find(&client).await?;
                let path = format!("/service/{id}/{}", kind.path());
                let found = client.get(&path, &[]).await?;
                let url = found["url"].as_str().unwrap_or_default();
                print_done(place, &found, &format!("told at {url} by callback"));
            }
        }
        Ok(())
    }
}
