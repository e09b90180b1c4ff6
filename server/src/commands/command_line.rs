//! `pillarbox completions` and `pillarbox man`: what the command line says of itself, for packages.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::Arguments;
use crate::terminal::print_line;

#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self) {
        let mut command = Arguments::command();
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut command, "pillarbox", &mut text);
        // Not straight to standard output, which would end in a panic when its reader goes away.
        print_line(String::from_utf8_lossy(&text).trim_end());
    }
}

#[derive(Debug, Args)]
pub(super) struct Man {
    /// Directory for the pages, which must exist
    directory: PathBuf,
}

impl Man {
    /// Writes a page for the program and for each command.
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let written = clap_mangen::generate_to(Arguments::command(), &self.directory);
        written.with_context(|| format!("cannot write pages in {}", self.directory.display()))
    }
}
