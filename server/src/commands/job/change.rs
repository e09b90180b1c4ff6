//! `pillarbox job cancel`, `pause`, `resume`: what a person may do to a job.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use uuid::Uuid;

use super::super::answers::print_done;
use crate::{
    commands::{Place, target::ServiceArg},
    screen::say,
};

#[derive(Debug, Args)]
pub(in crate::commands) struct Change {
    /// The job's id
    id: Uuid,
    #[command(flatten)]
    service: ServiceArg,
}

impl Change {
    /// Asks for `change`, and says that it is `done`.
    pub(super) async fn run(
        self,
        place: &Place,
        change: &str,
        done: &str,
    ) -> anyhow::Result<ExitCode> {
        let client = place.client()?;
        let service = self.service.find(&client).await?;
        let job = client
            .post(
                &format!("/service/{service}/job/{}/{change}", self.id),
                &json!({}),
            )
            .await?;
        print_done(place, &job, done);
        if let (Some(problem), false) = (job["problem"].as_str(), place.json) {
            say(problem);
        }
        Ok(ExitCode::SUCCESS)
    }
}
