//! `pillarbox job check`: lists the errors of a spreadsheet and sends nothing. Exit code 0 without errors, 1 with errors, 2
//! if the file could not be checked.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;

use super::{
    report,
    spreadsheet::{CheckReport, Spreadsheet},
};
use crate::{
    client::Client,
    commands::{CommandContext, target::ServiceArg},
};

#[derive(Debug, Args)]
pub(in crate::commands) struct Check {
    /// Spreadsheet: CSV, XLSX, XLS or ODS
    file: PathBuf,
    /// Template, by id or name
    #[arg(long, value_name = "ID|NAME")]
    template: String,
    #[command(flatten)]
    service: ServiceArg,
    /// Encoding of a text that is not UTF-8, such as windows-1252, macintosh or shift-jis [default: guessed]
    #[arg(long, value_name = "NAME")]
    encoding: Option<String>,
}

impl Check {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<ExitCode> {
        let client = context.client()?;
        let spreadsheet = Spreadsheet::find(
            &client,
            self.file,
            &self.service,
            &self.template,
            self.encoding,
        )
        .await?;
        let checked = check(&client, &spreadsheet).await?;
        report::print(context, &spreadsheet, &checked);
        Ok(if checked.valid {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

/// Checks a spreadsheet without storing it.
pub(in crate::commands) async fn check(
    client: &Client,
    spreadsheet: &Spreadsheet,
) -> anyhow::Result<CheckReport> {
    spreadsheet.upload(client, None, false).await
}
