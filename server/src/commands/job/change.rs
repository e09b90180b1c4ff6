//! `pillarbox job cancel`, `pause`, `resume`.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use uuid::Uuid;

use super::super::output::print_done;
use crate::{
    commands::{CommandContext, target::ServiceArg},
    terminal::print_line,
};

#[derive(Debug, Args)]
pub(in crate::commands) struct JobAction {
    /// Id of the job
    id: Uuid,
    #[command(flatten)]
    service: ServiceArg,
}

impl JobAction {
    /// Posts the `action` on the job and prints the result after `done`.
    pub(super) async fn run(
        self,
        context: &CommandContext,
        action: &str,
        done: &str,
    ) -> anyhow::Result<ExitCode> {
        let client = context.client()?;
        let service = self.service.find(&client).await?;
        let job = client
            .post(
                &format!("/service/{service}/job/{}/{action}", self.id),
                &json!({}),
            )
            .await?;
        print_done(context, &job, done);
        if let (Some(problem), false) = (job["problem"].as_str(), context.json) {
            print_line(problem);
        }
        Ok(ExitCode::SUCCESS)
    }
}
