//! `pillarbox backup`: copies an embedded installation while it runs.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::CommandContext;
use crate::{
    backup::{self, BackupOptions},
    secrets::keyring_path,
    terminal::{count, print_json, print_line},
};

#[derive(Debug, Args)]
pub(super) struct Backup {
    /// Directory to create; it must not exist
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Copy the encryption keys too; who has such a backup can read all personal data in it
    #[arg(long)]
    with_keyring: bool,
}

impl Backup {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        let (settings, _) = context.settings(None)?;
        let options = BackupOptions {
            with_keyring: self.with_keyring,
        };
        let manifest = backup::create(&settings, &self.directory, options).await?;
        if context.json {
            print_json(&json!(manifest));
            return Ok(());
        }
        let rows = &manifest.rows;
        print_line(format!(
            "backed up to {}: {}, {} and {} of {}, as of {}",
            self.directory.display(),
            count(rows.notifications.unsigned_abs(), "notification"),
            count(rows.jobs.unsigned_abs(), "job"),
            count(manifest.files, "file"),
            count(rows.services.unsigned_abs(), "service"),
            manifest.taken_at,
        ));
        if self.with_keyring {
            print_line("It contains the encryption keys: keep it as safe as the keys.");
        } else if settings.keyring.is_none() {
            print_line(format!(
                "Keep a copy of the key file {} in another place: without it, the backup cannot be read.",
                keyring_path(&settings).display()
            ));
        }
        Ok(())
    }
}
