//! `pillarbox queue`: the task queue and its dead letters.

use anyhow::bail;
use clap::Subcommand;
use serde_json::json;
use uuid::Uuid;

use super::{CommandContext, output::print_list, target::id_of};
use crate::{
    client::Client,
    terminal::{count, print_json, print_line, text_of},
};

#[derive(Debug, Subcommand)]
pub(super) enum Queue {
    /// Show the number of tasks by pool and lane
    Show,
    /// List the dead letters, newest first
    Dead,
    /// Show one dead letter with its payload
    Look {
        /// Id of the dead letter, from `queue dead`
        id: Uuid,
    },
    /// Put dead letters back into the queue
    Replay {
        /// Id of the dead letter, from `queue dead`
        id: Option<Uuid>,
        /// Replay all dead letters
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
}

impl Queue {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        let client = context.client()?;
        match self {
            Self::Show => show(context, &client).await,
            Self::Dead => {
                let columns = [
                    ("Id", "id"),
                    ("Kind", "kind"),
                    ("Service", "service"),
                    ("Attempts", "attempts"),
                    ("Failed at", "died_at"),
                    ("Reason", "why"),
                ];
                print_list(
                    context,
                    &client.get("/queue/dead", &[]).await?,
                    &columns,
                    "there are no dead letters",
                );
                Ok(())
            }
            Self::Look { id } => show_dead_letter(context, &client, id).await,
            Self::Replay { id: Some(id), .. } => replay(context, &client, &[id]).await,
            Self::Replay {
                id: None,
                all: true,
            } => {
                // No more than there are now: a task that fails again meanwhile is not replayed twice.
                let view = client.get("/queue", &[]).await?;
                let mut left = usize::try_from(view["dead_letters"].as_u64().unwrap_or(0))?;
                loop {
                    let dead = client.get("/queue/dead", &[]).await?;
                    let ids = dead.as_array().into_iter().flatten().map(id_of);
                    let mut ids = ids.collect::<Result<Vec<_>, _>>()?;
                    ids.truncate(left);
                    left -= ids.len();
                    replay(context, &client, &ids).await?;
                    if left == 0 || ids.is_empty() {
                        return Ok(());
                    }
                }
            }
            Self::Replay {
                id: None,
                all: false,
            } => bail!("give the id of a dead letter, or --all"),
        }
    }
}

async fn show_dead_letter(
    context: &CommandContext,
    client: &Client,
    id: Uuid,
) -> anyhow::Result<()> {
    let dead = client.get(&format!("/queue/dead/{id}"), &[]).await?;
    if context.json {
        print_json(&dead);
        return Ok(());
    }
    for (title, member) in [
        ("Kind", "kind"),
        ("Service", "service"),
        ("Created at", "created_at"),
        ("Failed at", "died_at"),
        ("Reason", "why"),
    ] {
        print_line(format!("{title}: {}", text_of(&dead, member)));
    }
    print_line(format!("Attempts: {}", dead["attempts"]));
    print_line(format!("Payload: {}", dead["payload"]));
    Ok(())
}

async fn show(context: &CommandContext, client: &Client) -> anyhow::Result<()> {
    let view = client.get("/queue", &[]).await?;
    if context.json {
        print_json(&view);
        return Ok(());
    }
    let columns = [
        ("Pool", "pool"),
        ("Lane", "lane"),
        ("Tasks", "tasks"),
        ("Oldest ready, seconds", "oldest_ready_seconds"),
    ];
    print_list(context, &view["lanes"], &columns, "the queue is empty");
    match view["dead_letters"].as_u64() {
        Some(0) | None => {}
        Some(dead) => print_line(format!(
            "\n{}: see `pillarbox queue dead`",
            count(dead, "dead letter")
        )),
    }
    Ok(())
}

async fn replay(context: &CommandContext, client: &Client, ids: &[Uuid]) -> anyhow::Result<()> {
    for id in ids {
        client
            .post(&format!("/queue/dead/{id}/replay"), &json!({}))
            .await?;
        if context.json {
            print_json(&json!({"id": id, "replayed": true}));
        }
    }
    if !context.json {
        print_line(format!(
            "put {} back into the queue",
            count(ids.len() as u64, "task")
        ));
    }
    Ok(())
}
