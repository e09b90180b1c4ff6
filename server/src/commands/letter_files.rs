//! `pillarbox letters attach`, `logo` and `remove-logo`: what letters have besides their text.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use files::settings_file;

use super::{CommandContext, target::ServiceArg};
use crate::terminal::{print_json, print_line, text_of};

#[derive(Debug, Subcommand)]
pub(super) enum LetterFiles {
    /// Add a PDF that letter templates can append to their letters
    Attach {
        /// The PDF
        file: PathBuf,
        #[command(flatten)]
        service: ServiceArg,
    },
    /// Set the logo at the head of a service's letters
    Logo {
        /// The picture, a PNG
        file: PathBuf,
        /// What it is called for people who do not see it
        #[arg(long, value_name = "TEXT")]
        description: String,
        #[command(flatten)]
        service: ServiceArg,
    },
    /// Remove the logo of a service's letters
    RemoveLogo {
        #[command(flatten)]
        service: ServiceArg,
    },
}

impl LetterFiles {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        let client = context.client()?;
        match self {
            Self::Attach { file, service } => {
                let service = service.find(&client).await?;
                let path = format!("/service/{service}/letter-attachment");
                let query = [("file_name", name_of(&file))];
                let added = client.upload(&path, &query, read(&file)?.into()).await?;
                if context.json {
                    print_json(&added);
                } else {
                    print_line(format!(
                        "attachment {} has {} pages; append it with `pillarbox template update TEMPLATE --attachment {}`",
                        text_of(&added, "id"),
                        added["page_count"],
                        text_of(&added, "id"),
                    ));
                }
            }
            Self::Logo {
                file,
                description,
                service,
            } => {
                let service = service.find(&client).await?;
                let path = format!("/service/{service}/letter-logo");
                let query = [("file_name", name_of(&file)), ("description", description)];
                let set = client.upload(&path, &query, read(&file)?.into()).await?;
                if context.json {
                    print_json(&set);
                } else {
                    print_line("letters whose pages are made from now on have this logo");
                }
            }
            Self::RemoveLogo { service } => {
                let service = service.find(&client).await?;
                client
                    .delete(&format!("/service/{service}/letter-logo"))
                    .await?;
                print_line("letters have no logo any more");
            }
        }
        Ok(())
    }
}

/// The platform takes no larger request.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// Reads a file that is to be sent to the platform. Fails for what is no regular file, or too large.
pub(super) fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let read = settings_file::read_at_most(file, MAX_FILE_BYTES);
    read.with_context(|| format!("cannot read {}", file.display()))
}

pub(super) fn name_of(file: &Path) -> String {
    let name = file.file_name().unwrap_or(file.as_os_str());
    name.to_string_lossy().into_owned()
}
