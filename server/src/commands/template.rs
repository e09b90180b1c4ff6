//! `pillarbox template`: templates are written, seen, changed.

use std::{io::Read as _, path::PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use domain::{Channel, Lane};
use serde_json::{Value, json};

use super::{
    Place,
    answers::{print_done, print_list},
    service::given,
    target::{ServiceArg, find_template, id_of},
};
use crate::screen::{say, say_json, text_of};

#[derive(Debug, Subcommand)]
pub(super) enum Template {
    /// List the templates of a service
    List {
        #[command(flatten)]
        service: ServiceArg,
    },
    /// Show a template
    Show {
        /// The template, by id or name
        template: String,
        #[command(flatten)]
        service: ServiceArg,
    },
    /// Write a template
    Create {
        /// What people call it
        name: String,
        /// email, sms or letter
        #[arg(long = "type", value_name = "TYPE", value_parser = channel)]
        channel: Channel,
        #[command(flatten)]
        text: TextArgs,
        #[command(flatten)]
        service: ServiceArg,
    },
    /// Write the next version of a template; what is not given stays
    Update {
        /// The template, by id or name
        template: String,
        /// A new name
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        text: TextArgs,
        #[command(flatten)]
        service: ServiceArg,
    },
}

#[derive(Debug, Args)]
pub(super) struct TextArgs {
    /// The subject of an e-mail, the heading of a letter
    #[arg(long)]
    subject: Option<String>,
    /// What it says
    #[arg(long, conflicts_with = "file")]
    content: Option<String>,
    /// A file with what it says; `-` is standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// priority overtakes everything else: for login codes
    #[arg(long, value_name = "LANE", value_parser = lane)]
    process_type: Option<Lane>,
}

impl TextArgs {
    fn content(&self) -> anyhow::Result<Option<String>> {
        let Some(path) = &self.file else {
            return Ok(self.content.clone());
        };
        let mut text = String::new();
        let read = if path.as_os_str() == "-" {
            std::io::stdin().read_to_string(&mut text).map(drop)
        } else {
            std::fs::read_to_string(path).map(|read| text = read)
        };
        read.with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Some(text))
    }
}

fn channel(text: &str) -> Result<Channel, String> {
    text.parse()
        .map_err(|_| "use email, sms or letter".to_owned())
}

fn lane(text: &str) -> Result<Lane, String> {
    text.parse()
        .map_err(|_| "use normal or priority".to_owned())
}

impl Template {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<()> {
        let client = place.client()?;
        match self {
            Self::List { service } => {
                let id = service.find(&client).await?;
                let columns = [
                    ("Id", "id"),
                    ("Type", "template_type"),
                    ("Name", "name"),
                    ("Version", "version"),
                    ("Archived", "archived"),
                ];
                let templates = client.get(&format!("/service/{id}/template"), &[]).await?;
                print_list(place, &templates, &columns, "this service has no template");
            }
            Self::Show { template, service } => {
                let id = service.find(&client).await?;
                print(place, &find_template(&client, id, &template).await?);
            }
            Self::Create {
                name,
                channel,
                text,
                service,
            } => {
                let id = service.find(&client).await?;
                let Some(content) = text.content()? else {
                    bail!("say what the template says with --content or --file")
                };
                let body = given(json!({
                    "template_type": channel, "name": name, "subject": text.subject, "content": content,
                    "process_type": text.process_type,
                }));
                let made = client
                    .post(&format!("/service/{id}/template"), &body)
                    .await?;
                print_done(place, &made, "made template");
            }
            Self::Update {
                template,
                name,
                text,
                service,
            } => {
                let id = service.find(&client).await?;
                let before = find_template(&client, id, &template).await?;
                let or_before = |new: Option<String>, member: &str| {
                    new.map_or_else(|| before[member].clone(), Value::from)
                };
                let body = given(json!({
                    "template_type": before["template_type"],
                    "name": or_before(name, "name"),
                    "subject": or_before(text.subject.clone(), "subject"),
                    "content": or_before(text.content()?, "content"),
                    "process_type": or_before(text.process_type.map(|lane| lane.to_string()), "process_type"),
                }));
                let path = format!("/service/{id}/template/{}", id_of(&before)?);
                print_done(place, &client.post(&path, &body).await?, "changed template");
            }
        }
        Ok(())
    }
}

fn print(place: &Place, template: &Value) {
    if place.json {
        return say_json(template);
    }
    let of = |member| text_of(template, member);
    say(format!(
        "{} ({}, version {})\n{}\n",
        of("name"),
        of("template_type"),
        of("version"),
        of("id")
    ));
    if !template["subject"].is_null() {
        say(format!("Subject: {}\n", of("subject")));
    }
    say(of("content"));
}
