//! `pillarbox job redo`: one row again.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use uuid::Uuid;

use crate::{
    commands::{Place, target::ServiceArg},
    screen::{say, say_json, text_of},
};

#[derive(Debug, Args)]
pub(in crate::commands) struct Redo {
    /// The job's id
    id: Uuid,
    /// The row's number, counted from 0
    #[arg(long)]
    row: u32,
    #[command(flatten)]
    service: ServiceArg,
}

impl Redo {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<ExitCode> {
        let client = place.client()?;
        let service = self.service.find(&client).await?;
        let path = format!("/service/{service}/job/{}/row/{}", self.id, self.row);
        let redone = client.post(&path, &json!({})).await?;
        if place.json {
            say_json(&redone);
            return Ok(ExitCode::SUCCESS);
        }
        let (row, id) = (self.row, text_of(&redone, "notification_id"));
        say(if redone["was_missing"] == true {
            format!("row {row} is kept again and will be handed over: notification {id}")
        } else {
            format!("row {row} was not lost, nothing was done: notification {id}")
        });
        Ok(ExitCode::SUCCESS)
    }
}
