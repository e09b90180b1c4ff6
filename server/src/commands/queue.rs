//! `pillarbox queue`: what waits, and what was given up.

use anyhow::bail;
use clap::Subcommand;
use serde_json::json;
use uuid::Uuid;

use super::{Place, answers::print_list, target::id_of};
use crate::{
    client::Client,
    screen::{count, say, say_json, text_of},
};

#[derive(Debug, Subcommand)]
pub(super) enum Queue {
    /// How much waits, by pool and lane
    Show,
    /// The tasks that were given up, newest first
    Dead,
    /// One task that was given up, with what it is about
    Look {
        /// Its id, as `queue dead` shows it
        id: Uuid,
    },
    /// Put a task that was given up back in the queue
    Replay {
        /// Its id, as `queue dead` shows it
        id: Option<Uuid>,
        /// All of them
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
}

impl Queue {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<()> {
        let client = place.client()?;
        match self {
            Self::Show => show(place, &client).await,
            Self::Dead => {
                let columns = [
                    ("Id", "id"),
                    ("What", "kind"),
                    ("Service", "service"),
                    ("Tries", "attempts"),
                    ("Given up", "died_at"),
                    ("Why", "why"),
                ];
                print_list(
                    place,
                    &client.get("/queue/dead", &[]).await?,
                    &columns,
                    "no task was given up",
                );
                Ok(())
            }
            Self::Look { id } => look(place, &client, id).await,
            Self::Replay { id: Some(id), .. } => replay(place, &client, &[id]).await,
            Self::Replay {
                id: None,
                all: true,
            } => {
                // As many as there are now: what dies again meanwhile is left alone.
                let view = client.get("/queue", &[]).await?;
                let mut left = usize::try_from(view["dead_letters"].as_u64().unwrap_or(0))?;
                loop {
                    let dead = client.get("/queue/dead", &[]).await?;
                    let ids = dead.as_array().into_iter().flatten().map(id_of);
                    let mut ids = ids.collect::<Result<Vec<_>, _>>()?;
                    ids.truncate(left);
                    left -= ids.len();
                    replay(place, &client, &ids).await?;
                    if left == 0 || ids.is_empty() {
                        return Ok(());
                    }
                }
            }
            Self::Replay {
                id: None,
                all: false,
            } => bail!("say which task with its id, or --all"),
        }
    }
}

async fn look(place: &Place, client: &Client, id: Uuid) -> anyhow::Result<()> {
    let dead = client.get(&format!("/queue/dead/{id}"), &[]).await?;
    if place.json {
        say_json(&dead);
        return Ok(());
    }
    for (title, member) in [
        ("What", "kind"),
        ("Service", "service"),
        ("Made", "created_at"),
        ("Given up", "died_at"),
        ("Why", "why"),
    ] {
        say(format!("{title}: {}", text_of(&dead, member)));
    }
    say(format!("Tries: {}", dead["attempts"]));
    say(format!("About: {}", dead["payload"]));
    Ok(())
}

async fn show(place: &Place, client: &Client) -> anyhow::Result<()> {
    let view = client.get("/queue", &[]).await?;
    if place.json {
        say_json(&view);
        return Ok(());
    }
    let columns = [
        ("Pool", "pool"),
        ("Lane", "lane"),
        ("Tasks", "tasks"),
        ("Oldest ready, seconds", "oldest_ready_seconds"),
    ];
    print_list(place, &view["lanes"], &columns, "nothing waits");
    match view["dead_letters"].as_u64() {
        Some(0) | None => {}
        Some(dead) => say(format!(
            "\n{} given up: see `pillarbox queue dead`",
            count(dead, "task")
        )),
    }
    Ok(())
}

async fn replay(place: &Place, client: &Client, ids: &[Uuid]) -> anyhow::Result<()> {
    for id in ids {
        client
            .post(&format!("/queue/dead/{id}/replay"), &json!({}))
            .await?;
        if place.json {
            say_json(&json!({"id": id, "replayed": true}));
        }
    }
    if !place.json {
        say(format!(
            "put {} back in the queue",
            count(ids.len() as u64, "task")
        ));
    }
    Ok(())
}
