//! `pillarbox letters`: the nightly print run, letters that services supply as PDF, and what comes back about letters.

use clap::Subcommand;

use super::{
    CommandContext, letter_files::LetterFiles, letter_responses::LetterResponses,
    print_runs::PrintRuns, send_letters::SendLetters, supplied_letters::SuppliedLetters,
};

#[derive(Debug, Subcommand)]
pub(super) enum Letters {
    /// Send letters that are at hand as PDF
    Send(SendLetters),
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
            Self::Send(send) => send.run(context).await,
            Self::PrintRuns(runs) => runs.run(context).await,
            Self::Supplied(letters) => letters.run(context).await,
            Self::Files(files) => files.run(context).await,
            Self::Responses(responses) => responses.run(context).await,
        }
    }
}
