//! `pillarbox restore`: makes an installation from a backup.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::CommandContext;
use crate::{
    backup::{self, RestoreOptions},
    terminal::{count, print_json, print_line},
};

#[derive(Debug, Args)]
pub(super) struct Restore {
    /// Directory that `pillarbox backup` wrote
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Key file that belongs to the backup, unless it is in its place, in the settings or in the backup
    #[arg(long, value_name = "FILE")]
    keyring: Option<PathBuf>,
}

impl Restore {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        let (settings, _) = context.settings(None)?;
        let options = RestoreOptions {
            keyring: self.keyring,
        };
        let manifest = backup::restore(&settings, &self.directory, &options).await?;
        if context.json {
            print_json(&json!(manifest));
            return Ok(());
        }
        let rows = &manifest.rows;
        let waiting = rows.notifications_created.unsigned_abs();
        print_line(format!(
            "restored to {}: {}, {} and {}, as of {}",
            settings.data_dir.display(),
            count(rows.notifications.unsigned_abs(), "notification"),
            count(rows.jobs.unsigned_abs(), "job"),
            count(manifest.files, "file"),
            manifest.taken_at,
        ));
        if waiting > 0 {
            print_line(format!(
                "{} had not been sent at that time and will be sent when the platform starts, also if the lost platform sent \
                 them later; docs/backup.md says what can be done before.",
                count(waiting, "notification")
            ));
        }
        Ok(())
    }
}
