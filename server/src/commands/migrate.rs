//! `pillarbox migrate`: migrates the database before new processes start.

use clap::Args;
use serde_json::json;

use super::CommandContext;
use crate::{
    secrets,
    terminal::{print_json, print_line},
    wiring,
};

#[derive(Debug, Args)]
pub(super) struct Migrate {}

impl Migrate {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        let (mut settings, _) = context.settings(None)?;
        // The setting is off where migrations are run by this command.
        settings.migrate_on_start = true;
        let directory = wiring::create_data_dir(&settings)?;
        let _starting = directory.lock_start().await?;
        let keyring = secrets::open_keyring(&settings).await?;
        let store = wiring::open_store(&settings, keyring).await?;
        store.check_keyring().await?;
        store.close().await;
        let version = app::schema_version();
        if context.json {
            print_json(&json!({"schema_version": version}));
        } else {
            print_line(format!("the database is up to date (version {version})"));
        }
        Ok(())
    }
}
