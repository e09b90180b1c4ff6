//! Polling of a job until every row is sent or has failed; letters, until they wait for the print run.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use uuid::Uuid;

use super::spreadsheet::Spreadsheet;
use crate::{
    client::Client,
    terminal::{Progress, count, rate, seconds, table, thousands},
};

const MIN_POLL_INTERVAL: Duration = Duration::from_millis(25);
const MAX_POLL_INTERVAL: Duration = Duration::from_secs(2);

/// The progress of a job.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::commands) struct JobProgress {
    pub(super) id: String,
    pub(super) status: String,
    /// Number of rows in the file.
    pub(super) rows: u64,
    /// Number of rows stored as notifications.
    pub(super) kept: u64,
    /// Error that stopped the job.
    pub(super) problem: Option<String>,
    /// Number of notifications by status.
    pub(in crate::commands) statistics: BTreeMap<String, u64>,
}

impl JobProgress {
    pub(super) fn from_job(job: &Value) -> Self {
        let text = |member: &str| job[member].as_str().unwrap_or_default().to_owned();
        let number = |member: &str| job[member].as_u64().unwrap_or(0);
        let statistics = job["statistics"].as_array().into_iter().flatten();
        let statistics = statistics
            .filter_map(|one| Some((one["status"].as_str()?.to_owned(), one["count"].as_u64()?)))
            .collect();
        Self {
            id: text("id"),
            status: text("job_status"),
            rows: number("notification_count"),
            kept: number("rows_kept"),
            problem: job["problem"].as_str().map(str::to_owned),
            statistics,
        }
    }

    /// Returns the number of notifications that were sent or have failed.
    pub(in crate::commands) fn outcomes(&self) -> u64 {
        self.statistics
            .iter()
            .filter(|(status, _)| *status != "created")
            .map(|(_, count)| count)
            .sum()
    }

    /// Returns whether every row is stored.
    pub(super) fn is_finished(&self) -> bool {
        self.status.starts_with("finished")
    }

    /// Returns whether only the print run and delivery receipts can still change the job.
    fn is_over(&self, is_of_letters: bool) -> bool {
        let has_stopped = !matches!(
            self.status.as_str(),
            "pending" | "in progress" | "scheduled"
        );
        // Letters wait for the print run, for up to a day.
        has_stopped && (is_of_letters || self.outcomes() >= self.kept)
    }

    /// Returns the JSON line for `--json`.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "id": self.id, "status": self.status, "rows": self.rows, "rows_kept": self.kept,
            "problem": self.problem, "statistics": self.statistics,
        })
    }

    pub(super) fn show(&self, progress: &mut Progress) {
        if self.status == "scheduled" {
            progress.show("scheduled", 0, self.rows);
        } else if self.is_finished() {
            progress.show("sent", self.outcomes(), self.rows);
        } else {
            progress.show("stored", self.kept, self.rows);
        }
    }
}

/// Polls a job until it is over; calls `on_change` after each change.
pub(in crate::commands) async fn follow(
    client: &Client,
    spreadsheet: &Spreadsheet,
    job: Uuid,
    mut on_change: impl FnMut(&JobProgress),
) -> anyhow::Result<JobProgress> {
    let path = format!("/service/{}/job/{job}", spreadsheet.service);
    let mut last = None;
    loop {
        let started_at = Instant::now();
        let job_progress = JobProgress::from_job(&client.get(&path, &[]).await?);
        if last.as_ref() != Some(&job_progress) {
            on_change(&job_progress);
        }
        if job_progress.is_over(spreadsheet.is_of_letters()) {
            return Ok(job_progress);
        }
        last = Some(job_progress);
        // Counting the notifications of a large job is slow: poll less often the longer a response takes.
        tokio::time::sleep((started_at.elapsed() * 4).clamp(MIN_POLL_INTERVAL, MAX_POLL_INTERVAL))
            .await;
    }
}

/// Returns the result of a job as text.
pub(in crate::commands) fn summary(job_progress: &JobProgress, took: Duration) -> String {
    let rows: Vec<Vec<String>> = job_progress
        .statistics
        .iter()
        .map(|(status, count)| vec![status.clone(), thousands(*count)])
        .collect();
    let mut text = if rows.is_empty() {
        String::new()
    } else {
        format!("{}\n\n", table(&["Status", "Messages"], &rows))
    };
    let outcomes = job_progress.outcomes();
    let _ = write!(
        text,
        "{}: {} in {}, {} per second",
        job_progress.status,
        count(outcomes, "message"),
        seconds(took),
        thousands(rate(outcomes, took))
    );
    if let Some(problem) = &job_progress.problem {
        let _ = write!(text, "\n{problem}");
    }
    text
}
