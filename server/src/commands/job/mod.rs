//! `pillarbox job`: checks and sends spreadsheets, and follows and controls their jobs.

mod change;
mod check;
mod follow;
mod list;
mod report;
mod retry_row;
mod send;
mod spreadsheet;
mod status;

use std::process::ExitCode;

use clap::Subcommand;

use super::CommandContext;

pub(super) use self::{
    check::check,
    report::errors_table,
    send::send_and_follow,
    spreadsheet::{Source, Spreadsheet},
};

#[derive(Debug, Subcommand)]
pub(super) enum Job {
    /// Check a spreadsheet and list its errors by row and column; sends nothing
    Check(check::Check),
    /// Send a message to each row of a spreadsheet
    Send(send::Send),
    /// Show the status of a job
    Status(status::Status),
    /// List the jobs of a service, newest first
    List(list::List),
    /// Cancel a job that is scheduled, paused or stopped with an error; stored rows are still sent, the rest is not
    Cancel(change::JobAction),
    /// Pause a job; stored rows are still sent, the rest waits
    Pause(change::JobAction),
    /// Resume a job that is paused or stopped with an error
    Resume(change::JobAction),
    /// Store and send one row of a job again, if it is missing
    #[command(name = "redo")]
    RetryRow(retry_row::RetryRow),
}

impl Job {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<ExitCode> {
        match self {
            Self::Check(check) => check.run(context).await,
            Self::Send(send) => send.run(context).await,
            Self::Status(status) => status.run(context).await,
            Self::List(list) => list.run(context).await,
            Self::Cancel(change) => change.run(context, "cancel", "cancelled job").await,
            Self::Pause(change) => change.run(context, "pause", "paused job").await,
            Self::RetryRow(retry_row) => retry_row.run(context).await,
            Self::Resume(change) => change.run(context, "resume", "resumed job").await,
        }
    }
}
