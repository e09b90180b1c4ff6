//! `pillarbox read-file KIND`: the child process in which the platform reads foreign files. Not for people.

use std::process::ExitCode;

use clap::Args;

#[derive(Debug, Args)]
pub(super) struct ReadFile {
    /// Kind of the file on standard input
    kind: String,
}

impl ReadFile {
    pub(super) fn run(&self) -> ExitCode {
        ExitCode::from(app::foreign_files::serve_as_child(&self.kind))
    }
}
