//! `pillarbox job check`: says what is wrong, all of it, and sends nothing. Exit code 0 if nothing is, 1 if something
//! is, 2 if the file could not be checked.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;

use super::{
    report,
    sheet::{Checked, Sheet},
};
use crate::{
    client::Client,
    commands::{Place, target::ServiceArg},
};

#[derive(Debug, Args)]
pub(in crate::commands) struct Check {
    /// The spreadsheet: CSV, XLSX, XLS or ODS
    file: PathBuf,
    /// The template, by id or name
    #[arg(long, value_name = "ID|NAME")]
    template: String,
    #[command(flatten)]
    service: ServiceArg,
}

impl Check {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<ExitCode> {
        let client = place.client()?;
        let sheet = Sheet::find(&client, self.file, &self.service, &self.template).await?;
        let checked = check(&client, &sheet).await?;
        report::print(place, &sheet, &checked);
        Ok(if checked.valid {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

/// Has a spreadsheet checked.
pub(in crate::commands) async fn check(client: &Client, sheet: &Sheet) -> anyhow::Result<Checked> {
    sheet.upload(client, None, false).await
}
