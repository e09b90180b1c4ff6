//! `pillarbox organisation`: organisations, which own services.

use clap::Subcommand;
use serde_json::json;

use super::{
    CommandContext,
    output::{print_done, print_list},
};

#[derive(Debug, Subcommand)]
pub(super) enum Organisation {
    /// List the organisations
    List,
    /// Create an organisation
    Create {
        /// Name of the organisation
        name: String,
    },
}

impl Organisation {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        let client = context.client()?;
        match self {
            Self::List => {
                let columns = [("Id", "id"), ("Name", "name"), ("Active", "active")];
                let found = client.get("/organisations", &[]).await?;
                print_list(context, &found, &columns, "there is no organisation yet");
            }
            Self::Create { name } => {
                let created = client
                    .post("/organisations", &json!({"name": name}))
                    .await?;
                print_done(context, &created, "created organisation");
            }
        }
        Ok(())
    }
}
