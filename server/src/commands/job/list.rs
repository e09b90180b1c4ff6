//! `pillarbox job list`: the jobs of a service.

use std::process::ExitCode;

use clap::Args;

use super::super::answers::print_list;
use crate::commands::{Place, target::ServiceArg};

#[derive(Debug, Args)]
pub(in crate::commands) struct List {
    #[command(flatten)]
    service: ServiceArg,
    /// Which page of fifty
    #[arg(long, default_value_t = 1)]
    page: u32,
}

impl List {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<ExitCode> {
        let client = place.client()?;
        let service = self.service.find(&client).await?;
        let jobs = client
            .get(
                &format!("/service/{service}/job"),
                &[("page", self.page.to_string())],
            )
            .await?;
        let columns = [
            ("Id", "id"),
            ("File", "original_file_name"),
            ("Rows", "notification_count"),
            ("Kept", "rows_kept"),
            ("Status", "job_status"),
            ("Made", "created_at"),
            ("To be sent", "scheduled_for"),
        ];
        print_list(place, &jobs, &columns, "no jobs here");
        Ok(ExitCode::SUCCESS)
    }
}
