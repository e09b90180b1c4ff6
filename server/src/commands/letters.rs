//! `pillarbox letters`: the nightly print run, letters that services supply as PDF, and what comes back about letters.

use clap::Subcommand;

use super::{
    CommandContext, letter_files::LetterFiles, letter_responses::LetterResponses,
    print_runs::PrintRuns, supplied_letters::SuppliedLetters,
};

#[derive(Debug, Subcommand)]
pub(super) enum Letters {
    #[command(flatten)]
    PrintRuns(PrintRuns),
    #[command(flatten)]
    Supplied(SuppliedLetters),
    #[command(flatten)]
    Files(LetterFiles),
    #[command(flatten)]
    Responses(LetterResponses),
}

impl Letters {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        match self {
            Self::PrintRuns(runs) => runs.run(context).await,
            Self::Supplied(letters) => letters.run(context).await,
            Self::Files(files) => files.run(context).await,
            Self::Responses(responses) => responses.run(context).await,
        }
    }
}
