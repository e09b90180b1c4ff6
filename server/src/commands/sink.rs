//! `pillarbox sink`: what would have been sent. Reads the directory itself, so that nothing needs to run; only with
//! `--url` does it ask a platform.

use clap::Subcommand;
use domain::Channel;
use serde_json::{Value, json};

use super::{Place, answers::print_list};
use crate::screen::{say, say_json, thousands};

#[derive(Debug, Subcommand)]
pub(super) enum Sink {
    /// The newest messages that were kept
    List {
        /// Only email, sms or letter
        #[arg(long, value_parser = channel)]
        channel: Option<Channel>,
        /// How many at most
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// How many messages were kept, by channel
    Count,
}

fn channel(text: &str) -> Result<Channel, String> {
    text.parse()
        .map_err(|_| "use email, sms or letter".to_owned())
}

impl Sink {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<()> {
        match self {
            Self::List { channel, limit } => {
                let kept = look(place, channel, limit).await?;
                let columns = [
                    ("When", "at"),
                    ("Kind", "channel"),
                    ("To", "to"),
                    ("About", "about"),
                    ("File", "path"),
                ];
                if place.json || kept["kept"].as_array().is_none_or(Vec::is_empty) {
                    print_list(place, &kept["kept"], &columns, "the sink has kept nothing");
                } else {
                    print_list(place, &kept["kept"], &columns[..4], "");
                    say(format!(
                        "\nThe files are in {}",
                        directory(place)?.display()
                    ));
                }
            }
            Self::Count => {
                let counts = look(place, None, 0).await?["counts"].take();
                if place.json {
                    say_json(&counts);
                } else {
                    let of = |channel: &str| thousands(counts[channel].as_u64().unwrap_or(0));
                    say(format!(
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

fn directory(place: &Place) -> anyhow::Result<std::path::PathBuf> {
    let (settings, _) = place.settings(None)?;
    Ok(std::path::absolute(settings.sink_directory())?)
}

async fn look(place: &Place, channel: Option<Channel>, limit: usize) -> anyhow::Result<Value> {
    if place.url.is_some() {
        let mut query = vec![("limit", limit.to_string())];
        query.extend(channel.map(|channel| ("channel", channel.as_str().to_owned())));
        return place.client()?.get("/sink", &query).await;
    }
    let sink = app::Sink::new(directory(place)?);
    let counts = sink.count()?;
    let kept: Vec<Value> = sink
        .list(channel, limit)?
        .iter()
        .map(|one| {
            json!({
                "channel": one.channel.as_str(), "id": one.id, "to": one.to, "about": one.summary,
                "path": one.path, "at": one.at.to_string(), "copy": one.copy,
            })
        })
        .collect();
    Ok(
        json!({"counts": {"email": counts.email, "sms": counts.sms, "letter": counts.letter}, "kept": kept}),
    )
}
