//! `pillarbox organisation`: who runs services.

use clap::Subcommand;
use serde_json::json;

use super::{
    Place,
    answers::{print_done, print_list},
};

#[derive(Debug, Subcommand)]
pub(super) enum Organisation {
    /// List the organisations
    List,
    /// Make an organisation
    Create {
        /// What people call it
        name: String,
    },
}

impl Organisation {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<()> {
        let client = place.client()?;
        match self {
            Self::List => {
                let columns = [("Id", "id"), ("Name", "name"), ("Active", "active")];
                let found = client.get("/organisations", &[]).await?;
                print_list(place, &found, &columns, "there is no organisation yet");
            }
            Self::Create { name } => {
                let made = client
                    .post("/organisations", &json!({"name": name}))
                    .await?;
                print_done(place, &made, "made organisation");
            }
        }
        Ok(())
    }
}
