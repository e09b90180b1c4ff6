//! `pillarbox job status`: shows the progress of a job.

use std::process::ExitCode;

use clap::Args;
use uuid::Uuid;

use super::follow::JobProgress;
use crate::{
    commands::{CommandContext, target::ServiceArg},
    terminal::{count, print_json, print_line, table, text_of, thousands},
};

#[derive(Debug, Args)]
pub(in crate::commands) struct Status {
    /// Id of the job
    id: Uuid,
    #[command(flatten)]
    service: ServiceArg,
}

impl Status {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<ExitCode> {
        let client = context.client()?;
        let service = self.service.find(&client).await?;
        let job = client
            .get(&format!("/service/{service}/job/{}", self.id), &[])
            .await?;
        let progress = JobProgress::from_job(&job);
        if context.json {
            print_json(&progress.to_json());
            return Ok(ExitCode::SUCCESS);
        }
        print_line(format!(
            "{}: {}",
            text_of(&job, "original_file_name"),
            progress.status
        ));
        if let Some(problem) = &progress.problem {
            print_line(problem);
        }
        print_line(format!(
            "{}, {} stored, {} with a final status",
            count(progress.rows, "row"),
            thousands(progress.kept),
            thousands(progress.outcomes())
        ));
        if !progress.statistics.is_empty() {
            let rows: Vec<_> = progress
                .statistics
                .iter()
                .map(|(status, count)| vec![status.clone(), thousands(*count)])
                .collect();
            print_line(format!("\n{}", table(&["Status", "Messages"], &rows)));
        }
        Ok(ExitCode::SUCCESS)
    }
}
