//! A large job of text messages whose processes are disturbed, and the final count.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    time::{Duration, Instant, SystemTime},
};

use crate::{
    auditors,
    behind::{Behind, Counts},
    count,
    platform::{Platform, Process, is_distributed},
};

/// A commit of outcomes contains everything sent since the last one; a process has four batches of a hundred in
/// progress.
const IN_HAND: usize = 400;
const LOOK: Duration = Duration::from_millis(100);
/// Longest time that the job may take after the last disturbance.
const PATIENCE: Duration = Duration::from_mins(20);

/// A job under way.
pub(crate) struct Job {
    pub(crate) platform: Platform,
    behind: Behind,
    rows: usize,
    started: Instant,
    /// Serves requests while the workers are disturbed, if they are separate processes.
    _door: Option<Process>,
}

/// Starts a process that works on the job: a worker on PostgreSQL, the whole platform on SQLite.
pub(crate) async fn start_worker(platform: &Platform) -> Process {
    if is_distributed() {
        platform.start_worker().await
    } else {
        platform.start().await
    }
}

impl Job {
    /// Creates a job with this many rows in an installation, and starts processes that work on it.
    pub(crate) async fn send(
        platform: Platform,
        rows: usize,
        one_process: bool,
    ) -> (Self, Vec<Process>) {
        // The first start creates the demo service, which the job belongs to.
        let first = platform.start().await;
        let behind = Behind::of(&platform).await;
        let (door, workers) = if one_process {
            (None, vec![first])
        } else {
            first.stop().await;
            let door = platform.start_door().await;
            let workers = vec![platform.start_worker().await, platform.start_worker().await];
            (Some(door), workers)
        };
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("storm.csv");
        std::fs::write(&file, spreadsheet(rows)).unwrap();
        let file = file.to_str().expect("a path that is text");
        platform
            .command(&["job", "send", "--json", "--template", "Bin day", file])
            .await
            .expect("the job is made");
        let job = Self {
            platform,
            behind,
            rows,
            started: Instant::now(),
            _door: door,
        };
        (job, workers)
    }

    /// Waits until the job is over, and returns whether it was within this time.
    pub(crate) async fn is_over_within(&self, patience: Duration) -> bool {
        let over = async {
            while !self.behind.is_over().await {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(patience, over).await.is_ok()
    }

    /// Waits for the end of the job and returns how long it took.
    pub(crate) async fn ends(&self) -> Duration {
        let over = self.is_over_within(PATIENCE).await;
        assert!(
            over,
            "the job does not end: {:?}",
            self.behind.counts().await
        );
        self.started.elapsed()
    }

    /// Counts after all processes have ended: every row once in the database and in the sink, except for messages in
    /// flight at a disturbance, and no findings of audits. Returns how many messages the sink has twice.
    pub(crate) async fn assert_whole(&self, disturbances: &[(SystemTime, SystemTime)]) -> usize {
        let counts = self.behind.counts().await;
        let rows = i64::try_from(self.rows).unwrap();
        assert_eq!(counts, Counts::of_a_whole_job(rows));

        let kept = count::read_sink(&self.platform.sink().join("sms"));
        let rows: BTreeSet<&str> = kept
            .values()
            .filter_map(|message| row_of(&message.text))
            .collect();
        assert_eq!(
            (kept.len(), rows.len()),
            (self.rows, self.rows),
            "messages and different rows in the sink"
        );
        let twice: Vec<_> = kept
            .iter()
            .filter(|(_, message)| message.copies > 1)
            .collect();
        for (id, message) in &twice {
            let near = |moment: &(SystemTime, SystemTime)| {
                count::may_come_twice(message.first_at, *moment)
            };
            assert!(
                disturbances.iter().any(near),
                "{id} was sent twice, and no process was killed then"
            );
        }
        assert!(
            twice.len() <= disturbances.len() * IN_HAND,
            "{} messages twice are more than what was in hand",
            twice.len()
        );
        assert_eq!(auditors::findings(&self.platform).await, 0);
        twice.len()
    }
}

/// Returns a spreadsheet in which every row names itself.
fn spreadsheet(rows: usize) -> String {
    let mut text = "phone number,name,day\n".to_owned();
    for row in 0..rows {
        let _ = writeln!(text, "07700 900{:03},storm row {row},Friday", row % 1000);
    }
    text
}

/// `17`, from `… Hello storm row 17, your next …`.
fn row_of(text: &str) -> Option<&str> {
    let (_, after) = text.split_once("Hello storm row ")?;
    Some(after.split_once(',')?.0)
}
