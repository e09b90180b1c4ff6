//! `pillarbox letters`: the nightly print run.

use clap::Subcommand;

use super::{CommandContext, print_runs::PrintRuns};

#[derive(Debug, Subcommand)]
pub(super) enum Letters {
    #[command(flatten)]
    PrintRuns(PrintRuns),
}

impl Letters {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        match self {
            Self::PrintRuns(runs) => runs.run(context).await,
        }
    }
}
