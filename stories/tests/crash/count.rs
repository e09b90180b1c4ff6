//! The final count: what the platform reports, and what the sink received.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
    time::{Duration, SystemTime},
};

use crate::{
    load::{ROWS_OF_A_FILE, Sent},
    platform::Platform,
};

/// A batch works for a second at most, and an outcome is committed as soon as the last commit has ended. A busy
/// machine takes longer.
const IN_FLIGHT: Duration = Duration::from_secs(5);

/// The final count.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    accepted: usize,
    lost: Vec<String>,
    jobs: usize,
    rows: usize,
    jobs_not_whole: Vec<String>,
    rows_twice: Vec<String>,
    rows_missing: Vec<String>,
    handed_over_twice: usize,
    twice_without_a_kill: Vec<String>,
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} messages accepted, {} lost; {} jobs of {} rows, {} not whole, {} rows twice, {} missing; \
             {} handed over twice in flight at a kill, {} otherwise",
            self.accepted,
            self.lost.len(),
            self.jobs,
            self.rows,
            self.jobs_not_whole.len(),
            self.rows_twice.len(),
            self.rows_missing.len(),
            self.handed_over_twice,
            self.twice_without_a_kill.len(),
        )
    }
}

impl Counted {
    pub(crate) fn assert_promises(&self) {
        assert!(
            self.lost.is_empty(),
            "accepted and not handed over: {:?}",
            self.lost
        );
        assert!(
            self.jobs_not_whole.is_empty(),
            "jobs whose rows do not add up: {:?}",
            self.jobs_not_whole
        );
        assert!(
            self.rows_twice.is_empty(),
            "rows that became two messages: {:?}",
            self.rows_twice
        );
        assert!(
            self.rows_missing.is_empty(),
            "rows that became none: {:?}",
            self.rows_missing
        );
        assert!(
            self.twice_without_a_kill.is_empty(),
            "handed over twice though no kill was near: {:?}",
            self.twice_without_a_kill
        );
    }
}

/// What the sink received of one message.
pub(crate) struct Kept {
    pub(crate) copies: usize,
    pub(crate) first_at: SystemTime,
    pub(crate) text: String,
}

/// Counts what callers sent. Each disturbance has a start and an end; for a kill both are the same.
pub(crate) async fn count(
    platform: &Platform,
    sent: &Sent,
    disturbances: &[(SystemTime, SystemTime)],
) -> Counted {
    let kept = read_sink(&platform.sink().join("sms"));
    let mut counted = Counted {
        accepted: sent.accepted.len(),
        ..Counted::default()
    };
    counted.lost = sent
        .accepted
        .iter()
        .filter(|id| !kept.contains_key(*id))
        .cloned()
        .collect();

    let mut jobs_of_file: BTreeMap<String, usize> = BTreeMap::new();
    for job in platform.jobs().await {
        let file = job["original_file_name"]
            .as_str()
            .unwrap_or_default()
            .trim_end_matches(".csv")
            .to_owned();
        *jobs_of_file.entry(file).or_default() += 1;
        counted.jobs += 1;
        let delivered = job["statistics"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|one| one["status"] == "delivered");
        let rows = delivered.and_then(|one| one["count"].as_u64()).unwrap_or(0);
        counted.rows += usize::try_from(rows).expect("a small number");
        if rows != ROWS_OF_A_FILE as u64 {
            counted.jobs_not_whole.push(job.to_string());
        }
    }
    count_rows(&mut counted, &kept, &jobs_of_file);
    for (id, message) in &kept {
        if message.copies > 1 {
            let near =
                |moment: &(SystemTime, SystemTime)| may_come_twice(message.first_at, *moment);
            if disturbances.iter().any(near) {
                counted.handed_over_twice += 1;
            } else {
                counted.twice_without_a_kill.push(id.clone());
            }
        }
    }
    counted
}

/// Returns whether a message that was sent at this time was in flight during a disturbance.
pub(crate) fn may_come_twice(first_at: SystemTime, (from, to): (SystemTime, SystemTime)) -> bool {
    // The time of a kill is read just before it, so a file may be slightly younger.
    first_at <= to + Duration::from_secs(1) && first_at + IN_FLIGHT >= from
}

/// Checks that each row of a file is exactly as many messages as the file has jobs.
fn count_rows(
    counted: &mut Counted,
    kept: &BTreeMap<String, Kept>,
    jobs_of_file: &BTreeMap<String, usize>,
) {
    let mut messages_of_row: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (id, message) in kept {
        if let Some(row) = row_of(&message.text) {
            messages_of_row.entry(row).or_default().insert(id);
        }
    }
    for (file, jobs) in jobs_of_file {
        for row in 0..ROWS_OF_A_FILE {
            let name = format!("{file} row {row}");
            let found = messages_of_row.get(name.as_str()).map_or(0, BTreeSet::len);
            if found > *jobs {
                counted.rows_twice.push(name);
            } else if found < *jobs {
                counted.rows_missing.push(name);
            }
        }
    }
}

/// `file3 row 17`, from `… Hello file3 row 17, your next …`.
fn row_of(text: &str) -> Option<&str> {
    let (_, after) = text.split_once("Hello ")?;
    let (name, _) = after.split_once(',')?;
    name.starts_with("file").then_some(name)
}

pub(crate) fn read_sink(directory: &Path) -> BTreeMap<String, Kept> {
    let mut kept: BTreeMap<String, Kept> = BTreeMap::new();
    let days = std::fs::read_dir(directory).expect("the sink has texts");
    for day in days {
        for file in std::fs::read_dir(day.expect("readable").path()).expect("readable") {
            let path = file.expect("readable").path();
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            if path.extension().is_none_or(|extension| extension != "txt") || name.starts_with('.')
            {
                continue;
            }
            let id = name.split('.').next().expect("a name").to_owned();
            let written = path
                .metadata()
                .and_then(|about| about.modified())
                .expect("a time");
            let text = std::fs::read_to_string(&path).expect("a text");
            let entry = kept.entry(id).or_insert(Kept {
                copies: 0,
                first_at: written,
                text,
            });
            entry.copies += 1;
            entry.first_at = entry.first_at.min(written);
        }
    }
    kept
}
