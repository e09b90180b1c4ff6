//! `pillarbox letters send`: letters that are at hand as PDF.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    CommandContext,
    letter_files::{name_of, read},
    target::{ServiceArg, id_of},
};
use crate::{
    client::Client,
    terminal::{count, print_json, print_line, text_of},
};

#[derive(Debug, Args)]
pub(super) struct SendLetters {
    /// The letters, a PDF each; their addresses are read from the window of the envelope
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Postage: first, second or economy; the address decides abroad
    #[arg(long, value_name = "CLASS", default_value = "second")]
    postage: String,
    /// Scan and check the letters, and send none
    #[arg(long)]
    check_only: bool,
    #[command(flatten)]
    service: ServiceArg,
}

impl SendLetters {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        let client = context.client()?;
        let service = self.service.find(&client).await?;
        let (mut invalid, mut sent) = (0, 0);
        for file in &self.files {
            let checked = upload(&client, service, file).await;
            let mut result = checked.with_context(|| format!("letter {}", file.display()))?;
            if result["valid"] == true && !self.check_only {
                self.send(&client, service, &result).await?;
                result["sent"] = json!(true);
                sent += 1;
            }
            invalid += usize::from(result["valid"] != true);
            print_result(context, file, result);
        }
        if sent > 0 && !context.json {
            print_line(
                "they wait for the print run at half past five, London time; `pillarbox letters print-run --now` starts one",
            );
        }
        if invalid > 0 {
            bail!(
                "{invalid} of {} cannot be sent",
                count(self.files.len() as u64, "letter")
            );
        }
        Ok(())
    }

    async fn send(&self, client: &Client, service: Uuid, upload: &Value) -> anyhow::Result<()> {
        let body = json!({
            "file_id": id_of(upload)?,
            "filename": upload["file_name"],
            "postage": self.postage,
            "recipient_address": upload["recipient_address"],
        });
        let path = format!("/service/{service}/send-pdf-letter");
        client.post(&path, &body).await?;
        Ok(())
    }
}

async fn upload(client: &Client, service: Uuid, file: &Path) -> anyhow::Result<Value> {
    let path = format!("/service/{service}/letter-upload");
    let query = [("file_name", name_of(file))];
    client.upload(&path, &query, read(file)?.into()).await
}

fn print_result(context: &CommandContext, file: &Path, mut result: Value) {
    if context.json {
        result["file"] = json!(file);
        return print_json(&result);
    }
    let file = file.display();
    if result["valid"] != true {
        return print_line(format!(
            "{file}: {} Pages: {}",
            text_of(&result, "explanation"),
            result["invalid_pages"]
        ));
    }
    let pages = count(result["page_count"].as_u64().unwrap_or_default(), "page");
    let address = text_of(&result, "recipient_address").replace('\n', ", ");
    let done = if result["sent"] == true {
        format!("sent as {}", text_of(&result, "id"))
    } else {
        "can be sent".to_owned()
    };
    print_line(format!("{file}: {done}, {pages}, to {address}"));
}
