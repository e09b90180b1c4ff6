//! `pillarbox template`: templates.

use std::{io::Read as _, path::PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use domain::{Channel, Lane};
use serde_json::{Value, json};

use super::{
    CommandContext,
    output::{print_done, print_list},
    service::without_nulls,
    target::{ServiceArg, find_template, id_of},
};
use crate::terminal::{print_json, print_line, text_of};

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
    /// Create a new version of a template; options that are not given keep their value
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
    /// Subject of an e-mail, heading of a letter
    #[arg(long)]
    subject: Option<String>,
    /// Content of the message
    #[arg(long, conflicts_with = "file")]
    content: Option<String>,
    /// File with the content of the message; `-` is standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// normal or priority; priority messages, such as login codes, are sent first
    #[arg(long, value_name = "LANE", value_parser = lane)]
    process_type: Option<Lane>,
    #[command(flatten)]
    options: OptionArgs,
}

#[derive(Debug, Args)]
struct OptionArgs {
    /// Whether e-mails have a link to unsubscribe
    #[arg(long, value_name = "BOOL")]
    unsubscribe_link: Option<bool>,
    /// Postage of letters: first, second or economy; the address decides abroad
    #[arg(long, value_name = "CLASS")]
    postage: Option<String>,
    /// Contact block of letters, by id
    #[arg(long, value_name = "ID")]
    contact_block: Option<String>,
    /// Pages that are appended to letters, by the id that `pillarbox letters attach` shows
    #[arg(long, value_name = "ID")]
    attachment: Option<String>,
    /// Whether the service is told of the statuses of letters: true, false, or service, as the callback of the service says
    #[arg(long, value_name = "CHOICE", value_parser = letter_callbacks)]
    letter_callbacks: Option<LetterCallbacks>,
    /// Welsh heading of letters
    #[arg(long, value_name = "TEXT", requires = "welsh_content")]
    welsh_subject: Option<String>,
    /// Welsh content of letters
    #[arg(long, value_name = "TEXT", requires = "welsh_subject")]
    welsh_content: Option<String>,
}

/// What a template says of the statuses of its letters; empty for the choice of the service.
#[derive(Debug, Clone, Copy)]
struct LetterCallbacks(Option<bool>);

impl OptionArgs {
    /// Adds the options that were given to the body of a request.
    fn add_to(&self, body: &mut Value) {
        let given = [
            ("has_unsubscribe_link", json!(self.unsubscribe_link)),
            ("postage", json!(self.postage)),
            ("reply_to", json!(self.contact_block)),
            ("letter_attachment_id", json!(self.attachment)),
            ("letter_welsh_subject", json!(self.welsh_subject)),
            ("letter_welsh_content", json!(self.welsh_content)),
        ];
        // Null would remove what there is.
        for (name, value) in given.into_iter().filter(|(_, value)| !value.is_null()) {
            body[name] = value;
        }
        if let Some(LetterCallbacks(choice)) = self.letter_callbacks {
            body["letter_callbacks"] = json!(choice);
        }
    }
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

fn letter_callbacks(text: &str) -> Result<LetterCallbacks, String> {
    match text {
        "service" => Ok(LetterCallbacks(None)),
        "true" => Ok(LetterCallbacks(Some(true))),
        "false" => Ok(LetterCallbacks(Some(false))),
        _ => Err("use true, false or service".to_owned()),
    }
}

fn lane(text: &str) -> Result<Lane, String> {
    text.parse()
        .map_err(|_| "use normal or priority".to_owned())
}

impl Template {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        let client = context.client()?;
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
                print_list(
                    context,
                    &templates,
                    &columns,
                    "this service has no template",
                );
            }
            Self::Show { template, service } => {
                let id = service.find(&client).await?;
                print(context, &find_template(&client, id, &template).await?);
            }
            Self::Create {
                name,
                channel,
                text,
                service,
            } => {
                let id = service.find(&client).await?;
                let Some(text_content) = text.content()? else {
                    bail!("give the content of the template with --content or --file")
                };
                let mut body = without_nulls(json!({
                    "template_type": channel, "name": name, "subject": text.subject, "content": text_content,
                    "process_type": text.process_type,
                }));
                text.options.add_to(&mut body);
                let created = client
                    .post(&format!("/service/{id}/template"), &body)
                    .await?;
                print_done(context, &created, "created template");
            }
            Self::Update {
                template,
                name,
                text,
                service,
            } => {
                let id = service.find(&client).await?;
                let before = find_template(&client, id, &template).await?;
                // The endpoint replaces all members, so those that stay are sent again.
                let or_before = |new: Option<String>, member: &str| {
                    new.map_or_else(|| before[member].clone(), Value::from)
                };
                let mut body = without_nulls(json!({
                    "template_type": before["template_type"],
                    "name": or_before(name, "name"),
                    "subject": or_before(text.subject.clone(), "subject"),
                    "content": or_before(text.content()?, "content"),
                    "process_type": or_before(text.process_type.map(|lane| lane.to_string()), "process_type"),
                }));
                text.options.add_to(&mut body);
                let path = format!("/service/{id}/template/{}", id_of(&before)?);
                print_done(
                    context,
                    &client.post(&path, &body).await?,
                    "changed template",
                );
            }
        }
        Ok(())
    }
}

fn print(context: &CommandContext, template: &Value) {
    if context.json {
        return print_json(template);
    }
    let of = |member| text_of(template, member);
    print_line(format!(
        "{} ({}, version {})\n{}\n",
        of("name"),
        of("template_type"),
        of("version"),
        of("id")
    ));
    if !template["subject"].is_null() {
        print_line(format!("Subject: {}\n", of("subject")));
    }
    print_line(of("content"));
}
