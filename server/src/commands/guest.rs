//! `pillarbox guest`: whom a service in trial mode may send to.

use clap::Subcommand;
use serde_json::json;

use super::{Place, answers::print_done, target::ServiceArg};

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
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<()> {
        let client = place.client()?;
        let Self::Add { recipient, service } = self;
        let id = service.find(&client).await?;
        let body = json!({"recipient": recipient});
        print_done(
            place,
            &client
                .post(&format!("/service/{id}/guest-list"), &body)
                .await?,
            "added the guest",
        );
        Ok(())
    }
}
