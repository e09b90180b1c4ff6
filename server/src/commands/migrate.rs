//! `pillarbox migrate`: the tables brought up to date, before new processes start.

use clap::Args;
use serde_json::json;

use super::Place;
use crate::{
    data_dir::DataDir,
    screen::{say, say_json},
    secrets, wiring,
};

#[derive(Debug, Args)]
pub(super) struct Migrate {}

impl Migrate {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<()> {
        let (mut settings, _) = place.settings(None)?;
        settings.migrate_on_start = true;
        DataDir::new(&settings.data_dir).make()?;
        let vault = secrets::open_vault(&settings).await?;
        wiring::open_store(&settings, vault).await?.close().await;
        let version = app::schema_version();
        if place.json {
            say_json(&json!({"schema_version": version}));
        } else {
            say(format!("the database is up to date (version {version})"));
        }
        Ok(())
    }
}
