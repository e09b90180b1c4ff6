//! `pillarbox job`: spreadsheets are checked, sent, and followed until every row has an outcome.

mod change;
mod check;
mod follow;
mod list;
mod redo;
mod report;
mod send;
mod sheet;
mod status;

use std::process::ExitCode;

use clap::Subcommand;

use super::Place;

pub(super) use self::{
    check::check,
    report::errors_table,
    send::send_and_follow,
    sheet::{Sheet, Source},
};

#[derive(Debug, Subcommand)]
pub(super) enum Job {
    /// Say what is wrong with a spreadsheet, by row and column; sends nothing
    Check(check::Check),
    /// Send a message to every row of a spreadsheet
    Send(send::Send),
    /// Say how far a job has come
    Status(status::Status),
    /// The jobs of a service, newest first
    List(list::List),
    /// Cancel a job that is scheduled, paused or stopped with an error; what is kept is handed over, the rest is never sent
    Cancel(change::Change),
    /// Stop a job where it is; what is kept is handed over, the rest waits
    Pause(change::Change),
    /// Let a job that is paused, or that stopped with an error, go on
    Resume(change::Change),
    /// Do one row of a job again, if it was lost
    Redo(redo::Redo),
}

impl Job {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<ExitCode> {
        match self {
            Self::Check(check) => check.run(place).await,
            Self::Send(send) => send.run(place).await,
            Self::Status(status) => status.run(place).await,
            Self::List(list) => list.run(place).await,
            Self::Cancel(change) => change.run(place, "cancel", "cancelled job").await,
            Self::Pause(change) => change.run(place, "pause", "paused job").await,
            Self::Redo(redo) => redo.run(place).await,
            Self::Resume(change) => change.run(place, "resume", "job goes on").await,
        }
    }
}
