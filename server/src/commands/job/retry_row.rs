//! `pillarbox job redo`: stores and sends one row again if it is missing.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use uuid::Uuid;

use crate::{
    commands::{CommandContext, target::ServiceArg},
    terminal::{print_json, print_line, text_of},
};

#[derive(Debug, Args)]
pub(in crate::commands) struct RetryRow {
    /// Id of the job
    id: Uuid,
    /// Number of the row, counted from 0
    #[arg(long)]
    row: u32,
    #[command(flatten)]
    service: ServiceArg,
}

impl RetryRow {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<ExitCode> {
        let client = context.client()?;
        let service = self.service.find(&client).await?;
        let path = format!("/service/{service}/job/{}/row/{}", self.id, self.row);
        let retried = client.post(&path, &json!({})).await?;
        if context.json {
            print_json(&retried);
            return Ok(ExitCode::SUCCESS);
        }
        let (row, id) = (self.row, text_of(&retried, "notification_id"));
        print_line(if retried["was_missing"] == true {
            format!("row {row} was missing and is stored again: notification {id} will be sent")
        } else {
            format!("row {row} is not missing, nothing was done: notification {id}")
        });
        Ok(ExitCode::SUCCESS)
    }
}
