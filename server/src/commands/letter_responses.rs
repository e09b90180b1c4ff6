//! `pillarbox letters`: response files of the print provider, and returned letters.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{CommandContext, letter_files::read, output::print_list, target::ServiceArg};
use crate::{
    client::Client,
    terminal::{count, print_json, print_line, text_of},
};

#[derive(Debug, Subcommand)]
pub(super) enum LetterResponses {
    /// Apply response files of the print provider, given as files on this machine
    ResponseFile {
        /// The files
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        folder: FolderArg,
    },
    /// List response files with what became of them, newest first
    ResponseFiles,
    /// Count the sorted and unsorted letters of all past response files in a directory again; changes no status
    CountAgain {
        /// The directory; folders in it are part of the names of files
        directory: PathBuf,
        #[command(flatten)]
        folder: FolderArg,
    },
    /// Show sorted and unsorted letters by local day and response file
    SortedCounts {
        /// First day, such as 2026-03-02
        first: String,
        /// Last day
        last: String,
    },
    /// Show how many letters of a service came back, or those that were reported on one day
    Returned {
        /// The day, such as 2026-03-02
        #[arg(long, value_name = "DATE")]
        day: Option<String>,
        #[command(flatten)]
        service: ServiceArg,
    },
    /// Report letters that the post returned, by the references printed on them
    ReportReturned {
        /// The references; `-` reads them from standard input, one a line
        #[arg(required = true)]
        references: Vec<String>,
    },
}

/// Where the print provider had put files.
#[derive(Debug, Args)]
pub(super) struct FolderArg {
    /// Folder of the files at the print provider, part of their names: root/dispatch
    #[arg(long, value_name = "FOLDER", default_value = "")]
    folder: String,
}

impl FolderArg {
    fn key(&self, name: &str) -> String {
        match self.folder.trim_matches('/') {
            "" => name.to_owned(),
            folder => format!("{folder}/{name}"),
        }
    }
}

impl LetterResponses {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        let client = context.client()?;
        match self {
            Self::ResponseFile { files, folder } => apply(context, &client, &files, &folder).await,
            Self::ResponseFiles => list_files(context, &client).await,
            Self::CountAgain { directory, folder } => {
                count_again(context, &client, &directory, &folder).await
            }
            Self::SortedCounts { first, last } => {
                let query = [("start_date", first), ("end_date", last)];
                let columns = [
                    ("Day", "billing_day"),
                    ("Sorted", "sorted_count"),
                    ("Unsorted", "unsorted_count"),
                    ("File", "file_name"),
                ];
                let found = client.get("/letters/sorted-counts", &query).await?;
                print_list(
                    context,
                    &found,
                    &columns,
                    "nothing was counted on these days",
                );
                Ok(())
            }
            Self::Returned { day, service } => show_returned(context, &client, day, service).await,
            Self::ReportReturned { references } => report_returned(&client, references).await,
        }
    }
}

async fn apply(
    context: &CommandContext,
    client: &Client,
    files: &[PathBuf],
    folder: &FolderArg,
) -> anyhow::Result<()> {
    for file in files {
        let Some(name) = file.file_name().and_then(|name| name.to_str()) else {
            bail!("{} is no name of a file", file.display());
        };
        let query = [("file_name", folder.key(name))];
        let contents = read(file)?;
        let added = client
            .upload("/letters/response-files", &query, contents.into())
            .await
            .with_context(|| file.display().to_string())?;
        if context.json {
            print_json(&added);
        } else {
            print_line(format!(
                "{} will be applied; see `pillarbox letters response-files`",
                text_of(&added, "file_name")
            ));
        }
    }
    Ok(())
}

async fn list_files(context: &CommandContext, client: &Client) -> anyhow::Result<()> {
    let columns = [
        ("File", "file_name"),
        ("Noticed", "noticed_at"),
        ("Statuses", "statuses_updated_at"),
        ("Problem", "statuses_problem"),
        ("Counts", "counted_at"),
        ("Problem", "counts_problem"),
    ];
    let found = client.get("/letters/response-files", &[]).await?;
    print_list(context, &found, &columns, "there was no response file yet");
    Ok(())
}

/// Counts all response files of a directory. What is wrong with one is a line, and stops no other.
async fn count_again(
    context: &CommandContext,
    client: &Client,
    directory: &Path,
    folder: &FolderArg,
) -> anyhow::Result<()> {
    let mut names = Vec::new();
    list_names(directory, "", &mut names)
        .with_context(|| format!("cannot read {}", directory.display()))?;
    names.sort_unstable();
    let (mut counted, mut faulty) = (0, 0);
    for name in names {
        let query = [("file_name", folder.key(&name))];
        let contents = read(&directory.join(&name))?;
        let outcome = client
            .upload(
                "/letters/response-files/count-again",
                &query,
                contents.into(),
            )
            .await;
        match outcome {
            Ok(counts) => {
                counted += 1;
                if context.json {
                    print_json(&counts);
                }
            }
            Err(error) => {
                faulty += 1;
                if context.json {
                    print_json(&json!({"file_name": name, "error": error.to_string()}));
                } else {
                    print_line(format!("{name}: {error}"));
                }
            }
        }
    }
    if !context.json {
        print_line(format!(
            "counted {}, {} with a fault",
            count(counted, "file"),
            count(faulty, "file")
        ));
    }
    Ok(())
}

/// Adds the names of the response files below a directory, with `/` between folders.
fn list_names(directory: &Path, folder: &str, names: &mut Vec<String>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let key = if folder.is_empty() {
            name
        } else {
            format!("{folder}/{name}")
        };
        if entry.file_type()?.is_dir() {
            list_names(&entry.path(), &key, names)?;
        } else if entry.file_type()?.is_file() && providers::letter::is_response_file(&key) {
            // A link or a pipe could lead anywhere, and the print shop writes to this directory.
            names.push(key);
        }
    }
    Ok(())
}

async fn show_returned(
    context: &CommandContext,
    client: &Client,
    day: Option<String>,
    service: ServiceArg,
) -> anyhow::Result<()> {
    let service = service.find(client).await?;
    let Some(day) = day else {
        let path = format!("/service/{service}/returned-letter-summary");
        let columns = [
            ("Reported", "reported_at"),
            ("Letters", "returned_letter_count"),
        ];
        let found = client.get(&path, &[]).await?;
        print_list(
            context,
            &found,
            &columns,
            "no letter was reported as returned",
        );
        return Ok(());
    };
    let path = format!("/service/{service}/returned-letters");
    let found = client.get(&path, &[("reported_at", day)]).await?;
    let columns = [
        ("Letter", "notification_id"),
        ("Reference", "client_reference"),
        ("Sent", "created_at"),
        ("By", "email_address"),
        ("Template", "template_name"),
        ("Spreadsheet", "original_file_name"),
        ("Row", "job_row_number"),
    ];
    let letters = &found["returned_letters"];
    print_list(
        context,
        letters,
        &columns,
        "no letter was reported on that day",
    );
    match found["orphaned_count"].as_u64() {
        Some(orphans) if orphans > 0 && !context.json => print_line(format!(
            "and {} of which nothing more is known",
            count(orphans, "letter")
        )),
        _ => {}
    }
    Ok(())
}

async fn report_returned(client: &Client, references: Vec<String>) -> anyhow::Result<()> {
    let references = if references == ["-"] {
        let text = std::io::read_to_string(std::io::stdin())?;
        let lines = text.lines().map(|line| line.trim().to_owned());
        lines.filter(|line| !line.is_empty()).collect()
    } else {
        references
    };
    let body: Value = json!({"references": references});
    client.post_raw("/letters/returned", &body).await?;
    print_line(format!(
        "{} will be recorded; the log names those that no letter has",
        count(references.len() as u64, "reference")
    ));
    Ok(())
}
