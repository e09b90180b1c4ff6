//! `pillarbox job cancel`: a job that waits for its time is not sent.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use uuid::Uuid;

use super::super::answers::print_done;
use crate::commands::{Place, target::ServiceArg};

#[derive(Debug, Args)]
pub(in crate::commands) struct Cancel {
    /// The job's id
    id: Uuid,
    #[command(flatten)]
    service: ServiceArg,
}

impl Cancel {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<ExitCode> {
        let client = place.client()?;
        let service = self.service.find(&client).await?;
        let job = client
            .post(
                &format!("/service/{service}/job/{}/cancel", self.id),
                &json!({}),
            )
            .await?;
        print_done(place, &job, "cancelled job");
        Ok(ExitCode::SUCCESS)
    }
}
