//! `pillarbox job status`: how far a job has come.

use std::process::ExitCode;

use clap::Args;
use uuid::Uuid;

use super::follow::Standing;
use crate::{
    commands::{Place, target::ServiceArg},
    screen::{count, say, say_json, table, text_of, thousands},
};

#[derive(Debug, Args)]
pub(in crate::commands) struct Status {
    /// The job's id
    id: Uuid,
    #[command(flatten)]
    service: ServiceArg,
}

impl Status {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<ExitCode> {
        let client = place.client()?;
        let service = self.service.find(&client).await?;
        let job = client
            .get(&format!("/service/{service}/job/{}", self.id), &[])
            .await?;
        let standing = Standing::of(&job);
        if place.json {
            say_json(&standing.line());
            return Ok(ExitCode::SUCCESS);
        }
        say(format!(
            "{}: {}",
            text_of(&job, "original_file_name"),
            standing.status
        ));
        if let Some(problem) = &standing.problem {
            say(problem);
        }
        say(format!(
            "{}, {} kept, {} with an outcome",
            count(standing.rows, "row"),
            thousands(standing.kept),
            thousands(standing.outcomes())
        ));
        if !standing.statistics.is_empty() {
            let rows: Vec<_> = standing
                .statistics
                .iter()
                .map(|(status, count)| vec![status.clone(), thousands(*count)])
                .collect();
            say(format!("\n{}", table(&["Status", "Messages"], &rows)));
        }
        Ok(ExitCode::SUCCESS)
    }
}
