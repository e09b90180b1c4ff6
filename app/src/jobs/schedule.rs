//! Starts scheduled jobs that are due (`docs/spec/workers.md` §4.5). The change of status and the task are one
//! transaction, so running twice starts each job once.

use domain::JobStatus;
use queue::{Enqueue as _, TaskOutcome};
use tracing::{error, info};

use crate::{App, tasks};

const AT_ONCE: u32 = 100;

pub(crate) async fn run_scheduled(app: &App) -> TaskOutcome {
    match start_due(app).await {
        Ok(()) => TaskOutcome::Completed,
        Err(fault) => {
            error!(
                error = &fault as &dyn std::error::Error,
                "Failed to run scheduled jobs, will try again"
            );
            tasks::retry_periodic(tasks::RUN_SCHEDULED_JOBS)
        }
    }
}

async fn start_due(app: &App) -> Result<(), store::Error> {
    loop {
        let now = app.clock.now();
        let due = store::jobs::list_due(&mut app.read().await?, now, AT_ONCE).await?;
        if due.is_empty() {
            return Ok(());
        }
        let mut tx = app.write().await?;
        for job in &due {
            let (scheduled, pending) = (JobStatus::Scheduled, JobStatus::Pending);
            if store::jobs::set_status_from(
                &mut tx,
                job.service_id,
                job.id,
                scheduled,
                pending,
                now,
            )
            .await?
            {
                tx.enqueue(vec![tasks::process_job(job.service_id, job.id, now)])
                    .await?;
                info!(job.id = %job.id, service.id = %job.service_id, "Job ID {} added to process job queue", job.id);
            }
        }
        app.commit_and_notify(tx, &[tasks::JOBS]).await?;
    }
}
