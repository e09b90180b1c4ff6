//! `pillarbox letters`: the nightly print run, and letters that services supply as PDF.

use clap::Subcommand;

use super::{CommandContext, print_runs::PrintRuns, supplied_letters::SuppliedLetters};

#[derive(Debug, Subcommand)]
pub(super) enum Letters {
    #[command(flatten)]
    PrintRuns(PrintRuns),
    #[command(flatten)]
    Supplied(SuppliedLetters),
}

impl Letters {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        match self {
            Self::PrintRuns(runs) => runs.run(context).await,
            Self::Supplied(letters) => letters.run(context).await,
        }
    }
}
