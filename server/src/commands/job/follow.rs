//! Following a job until every row has an outcome.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    client::Client,
    screen::{Progress, count, rate, seconds, table, thousands},
};

const SHORTEST: Duration = Duration::from_millis(25);
const LONGEST: Duration = Duration::from_secs(2);

/// How a job stands.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::commands) struct Standing {
    pub(super) id: String,
    pub(super) status: String,
    /// Rows of the file.
    pub(super) rows: u64,
    /// Rows that are kept as messages.
    pub(super) kept: u64,
    /// Why it could not go on.
    pub(super) problem: Option<String>,
    /// Messages by status.
    pub(in crate::commands) statistics: BTreeMap<String, u64>,
}

impl Standing {
    pub(super) fn of(job: &Value) -> Self {
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

    /// Messages that were handed over, or failed.
    pub(in crate::commands) fn outcomes(&self) -> u64 {
        self.statistics
            .iter()
            .filter(|(status, _)| *status != "created")
            .map(|(_, count)| count)
            .sum()
    }

    /// Every row is kept.
    pub(super) fn is_finished(&self) -> bool {
        self.status.starts_with("finished")
    }

    /// Nothing more will happen to it before a provider reports.
    fn is_over(&self) -> bool {
        let is_settled = !matches!(
            self.status.as_str(),
            "pending" | "in progress" | "scheduled"
        );
        is_settled && self.outcomes() >= self.kept
    }

    /// As an object.
    pub(super) fn line(&self) -> Value {
        json!({
            "id": self.id, "status": self.status, "rows": self.rows, "rows_kept": self.kept,
            "problem": self.problem, "statistics": self.statistics,
        })
    }

    pub(super) fn show(&self, progress: &mut Progress) {
        if self.status == "scheduled" {
            progress.show("scheduled", 0, self.rows);
        } else if self.is_finished() {
            progress.show("handed over", self.outcomes(), self.rows);
        } else {
            progress.show("kept", self.kept, self.rows);
        }
    }
}

/// Looks at a job until it is over; tells `news` whenever something has changed.
pub(in crate::commands) async fn follow(
    client: &Client,
    service: Uuid,
    job: Uuid,
    mut news: impl FnMut(&Standing),
) -> anyhow::Result<Standing> {
    let path = format!("/service/{service}/job/{job}");
    let mut last = None;
    loop {
        let asked = Instant::now();
        let standing = Standing::of(&client.get(&path, &[]).await?);
        if last.as_ref() != Some(&standing) {
            news(&standing);
        }
        if standing.is_over() {
            return Ok(standing);
        }
        last = Some(standing);
        // Counting a large job costs the database something: look the less often the longer it takes.
        tokio::time::sleep((asked.elapsed() * 4).clamp(SHORTEST, LONGEST)).await;
    }
}

/// What became of a job, for people.
pub(in crate::commands) fn summary(standing: &Standing, took: Duration) -> String {
    let rows: Vec<Vec<String>> = standing
        .statistics
        .iter()
        .map(|(status, count)| vec![status.clone(), thousands(*count)])
        .collect();
    let mut text = if rows.is_empty() {
        String::new()
    } else {
        format!("{}\n\n", table(&["Status", "Messages"], &rows))
    };
    let outcomes = standing.outcomes();
    text += &format!(
        "{}: {} in {}, {} a second",
        standing.status,
        count(outcomes, "message"),
        seconds(took),
        thousands(rate(outcomes, took))
    );
    if let Some(problem) = &standing.problem {
        text += &format!("\n{problem}");
    }
    text
}
