//! `pillarbox sink`: messages in the development sink. Reads its directory, so that no platform has to run; asks a platform
//! only with `--url`.

use clap::Subcommand;
use domain::Channel;
use serde_json::{Value, json};

use super::{CommandContext, output::print_list};
use crate::terminal::{print_json, print_line, thousands};

#[derive(Debug, Subcommand)]
pub(super) enum Sink {
    /// List the newest messages
    List {
        /// Only email, sms or letter
        #[arg(long, value_parser = channel)]
        channel: Option<Channel>,
        /// Maximum number of messages
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Count the messages by channel
    Count,
}

fn channel(text: &str) -> Result<Channel, String> {
    text.parse()
        .map_err(|_| "use email, sms or letter".to_owned())
}

impl Sink {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        match self {
            Self::List { channel, limit } => {
                let kept = read_sink(context, channel, limit).await?;
                let columns = [
                    ("When", "at"),
                    ("Kind", "channel"),
                    ("To", "to"),
                    ("Subject", "about"),
                    ("File", "path"),
                ];
                if context.json || kept["kept"].as_array().is_none_or(Vec::is_empty) {
                    print_list(context, &kept["kept"], &columns, "the sink is empty");
                } else {
                    // Paths are long and share a directory: show that once, below the table.
                    print_list(context, &kept["kept"], &columns[..4], "");
                    print_line(format!(
                        "\nThe files are in {}",
                        directory(context)?.display()
                    ));
                }
            }
            Self::Count => {
                let counts = read_sink(context, None, 0).await?["counts"].take();
                if context.json {
                    print_json(&counts);
                } else {
                    let of = |channel: &str| thousands(counts[channel].as_u64().unwrap_or(0));
                    print_line(format!(
                        "{} e-mails, {} text messages, {} letters",
                        of("email"),
                        of("sms"),
                        of("letter")
                    ));
                }
            }
        }
        Ok(())
    }
}

fn directory(context: &CommandContext) -> anyhow::Result<std::path::PathBuf> {
    let (settings, _) = context.settings(None)?;
    Ok(std::path::absolute(settings.sink_directory())?)
}

async fn read_sink(
    context: &CommandContext,
    channel: Option<Channel>,
    limit: usize,
) -> anyhow::Result<Value> {
    if context.url.is_some() {
        let mut query = vec![("limit", limit.to_string())];
        query.extend(channel.map(|channel| ("channel", channel.as_str().to_owned())));
        return context.client()?.get("/sink", &query).await;
    }
    let sink = app::Sink::new(directory(context)?);
    let counts = sink.count()?;
    let kept = sink.list(channel, limit)?;
    Ok(json!({"counts": counts, "kept": kept}))
}
