//! `pillarbox job list`: the jobs of a service.

use std::process::ExitCode;

use clap::Args;

use super::super::output::print_list;
use crate::commands::{CommandContext, target::ServiceArg};

#[derive(Debug, Args)]
pub(in crate::commands) struct List {
    #[command(flatten)]
    service: ServiceArg,
    /// Page number; a page has fifty jobs
    #[arg(long, default_value_t = 1)]
    page: u32,
}

impl List {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<ExitCode> {
        let client = context.client()?;
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
            ("Stored", "rows_kept"),
            ("Status", "job_status"),
            ("Created", "created_at"),
            ("Scheduled for", "scheduled_for"),
        ];
        print_list(context, &jobs, &columns, "there are no jobs on this page");
        Ok(ExitCode::SUCCESS)
    }
}
