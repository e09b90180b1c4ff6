//! The real binary on a disk that fails: it fills up, it cannot make a commit durable, a file on it is lost or
//! changed. Responses stay true, accepted messages are kept, errors say what is wrong, and everything continues after
//! the repair.
//!
//! These stories use SQLite: the disk of a database server belongs to that server.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;

use crate::{
    auditors,
    count::{self, Counted},
    faulty_disk::FaultyDisk,
    load::{Load, Sent},
    now,
    platform::{Platform, Process, is_distributed},
};

/// Longest time until a fault shows, and until it is overcome.
const PATIENCE: Duration = Duration::from_mins(2);
const FULL: &str = "its disk is full";

/// Returns whether the story is skipped: the disk of a database server belongs to that server.
#[expect(clippy::print_stdout, reason = "a story that is not told says so")]
fn is_of_a_server() -> bool {
    if is_distributed() {
        println!("the disk of this database is its server's: nothing is told of it here");
    }
    is_distributed()
}

/// Starts an installation on a faulty disk that still works. Returns `None` where the database has a server.
async fn begun() -> Option<(Platform, Process)> {
    if is_of_a_server() {
        return None;
    }
    let platform = Platform::on(FaultyDisk::new()).await;
    let process = platform.start().await;
    assert!(
        platform.disk().attached() > 0,
        "nothing is between the process and the disk"
    );
    Some((platform, process))
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let ended = tokio::time::timeout(PATIENCE, waiting).await;
    assert!(ended.is_ok(), "{what}: it never came to it");
}

/// Waits until `more` further messages are accepted.
async fn more_is_accepted(load: &Load, more: usize) {
    let before = load.heard().0;
    until("messages are accepted", async || {
        load.heard().0 >= before + more
    })
    .await;
}

/// Asserts that every rejection was a 503 with `Retry-After`.
fn assert_refused_politely(sent: &Sent) {
    assert!(!sent.refusals.is_empty(), "no request was refused");
    for refusal in sent.refusals.keys() {
        assert!(
            refusal.starts_with("503, Retry-After: "),
            "{:?}",
            sent.refusals
        );
    }
}

async fn assert_all_is_there(
    platform: &Platform,
    process: Process,
    sent: &Sent,
    disturbed: &[(std::time::SystemTime, std::time::SystemTime)],
) -> Counted {
    platform.wait_until_nothing_waits().await;
    let counted = count::count(platform, sent, disturbed).await;
    process.stop().await;
    counted.assert_promises();
    assert_eq!(auditors::findings(platform).await, 0);
    counted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_delays_jobs_and_requests_without_loss() {
    let Some((platform, process)) = begun().await else {
        return;
    };
    let load = Load::begin(&platform);
    more_is_accepted(&load, 50).await;
    let from = now();
    platform.disk().fill();
    until("callers are refused", async || load.heard().1 > 50).await;
    assert!(platform.disk().writes_refused() > 10);
    assert_eq!(
        load.look_at_one_that_was_accepted().await,
        200,
        "what is there can be read"
    );
    platform.disk().make_room();
    more_is_accepted(&load, 50).await;
    let disturbed = (from, now());

    let sent = load.end().await;
    let refused: usize = sent.refusals.values().sum();
    let counted = assert_all_is_there(&platform, process, &sent, &[disturbed]).await;
    assert_refused_politely(&sent);
    assert!(
        platform.log().contains(FULL),
        "the log does not say what is wrong: {}",
        platform.log()
    );
    println!("a full disk, {refused} posts refused: {counted}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_fsync_refuses_the_commit_and_loses_nothing_else() {
    let Some((platform, process)) = begun().await else {
        return;
    };
    let load = Load::begin(&platform);
    more_is_accepted(&load, 50).await;
    let (disk, mut disturbed) = (platform.disk(), Vec::new());
    // Until a caller is rejected because of the disk, and the job reports it for as long as it waits.
    let mut a_job_says_so = false;
    until("a caller and a job hear of it", async || {
        let from = now();
        disk.fail_syncs(2);
        until("a commit fails", async || disk.syncs_to_fail() == 0).await;
        disturbed.push((from, now()));
        let says_so = |job: &Value| problem_of(job).contains("its disk fails");
        a_job_says_so = a_job_says_so || platform.jobs().await.iter().any(says_so);
        a_job_says_so && load.heard().1 > 0
    })
    .await;
    more_is_accepted(&load, 50).await;

    // Killed right after a failed sync, with the log as the disk has it.
    let from = now();
    disk.fail_syncs(1);
    until("a commit fails", async || disk.syncs_to_fail() == 0).await;
    process.kill().await;
    let process = platform.start().await;
    more_is_accepted(&load, 50).await;
    disturbed.push((from, now()));

    let sent = load.end().await;
    let counted = assert_all_is_there(&platform, process, &sent, &disturbed).await;
    assert_refused_politely(&sent);
    println!(
        "{} commits that failed: {counted}",
        platform.disk().syncs_refused()
    );
}

fn problem_of(job: &Value) -> &str {
    job["problem"].as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_to_a_full_disk_is_refused_and_leaves_nothing() {
    let Some((platform, process)) = begun().await else {
        return;
    };
    let sheet = Sheet::of(20_000);
    platform.disk().fill();
    let said = platform.command_in_vain(&sheet.send()).await;
    assert!(said.contains("try again in a few seconds"), "{said}");
    assert!(platform.disk().writes_refused() > 0);
    assert!(platform.log().contains("file storage failed"));
    assert!(platform.log().contains(FULL), "{}", platform.log());
    platform.disk().make_room();
    until("what was begun is removed", async || {
        files_under(&platform.data_dir().join("files")).is_empty()
    })
    .await;
    assert!(platform.jobs().await.is_empty());

    platform.command(&sheet.send()).await.expect("it is sent");
    assert_every_row_is_there_once(&platform, 20_000).await;
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_start_on_a_full_disk_fails_cleanly() {
    if is_of_a_server() {
        return;
    }
    let platform = Platform::on(FaultyDisk::new()).await;
    // First without any space, then with space for what exists already, as if someone had freed too little.
    platform.disk().fill();
    for _ in 0..3 {
        let said = platform.start_in_vain().await;
        assert!(said.contains("make room"), "{said}");
    }
    let (mut room_for, mut starts) = (2, 0);
    let process = loop {
        room_for += 2;
        platform.disk().make_room_for(room_for);
        match platform.try_to_start().await {
            Ok(process) => break process,
            Err(said) => assert!(said.contains("make room"), "{said}"),
        }
        starts += 1;
    };
    assert!(platform.disk().attached() > 0 && platform.disk().writes_refused() > starts);
    platform.disk().make_room();
    println!("{starts} starts with more room each time, then it served");
    let sheet = Sheet::of(10);
    platform.command(&sheet.send()).await.expect("it is sent");
    assert_every_row_is_there_once(&platform, 10).await;
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_killed_on_a_full_disk_recovers_once_there_is_space() {
    let Some((platform, process)) = begun().await else {
        return;
    };
    let load = Load::begin(&platform);
    more_is_accepted(&load, 50).await;
    let from = now();
    platform.disk().fill();
    until("callers are refused", async || load.heard().1 > 20).await;
    process.kill().await;
    for _ in 0..2 {
        let said = platform.start_in_vain().await;
        assert!(
            said.contains("make room") && said.contains(&platform.data_dir().display().to_string()),
            "{said}"
        );
    }
    platform.disk().make_room();
    let process = platform.start().await;
    more_is_accepted(&load, 50).await;
    let disturbed = (from, now());
    let sent = load.end().await;
    assert_all_is_there(&platform, process, &sent, &[disturbed]).await;
    assert_refused_politely(&sent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_stops_on_a_missing_or_changed_file_until_it_is_restored() {
    if is_of_a_server() {
        return;
    }
    let platform = Platform::new().await;
    platform.start().await.stop().await;
    for spoil in [vanish, change] {
        // No worker runs while the job is created.
        let door = platform.start_door().await;
        let sheet = Sheet::of(2500);
        platform.command(&sheet.send()).await.expect("it is sent");
        let [file] = &files_under(&platform.data_dir().join("files"))[..] else {
            panic!("there is one file");
        };
        let whole = std::fs::read(file).unwrap();
        door.stop().await;
        let why = spoil(file, &whole);
        let process = platform.start().await;
        until("the job stops", async || {
            platform
                .jobs()
                .await
                .iter()
                .any(|job| job["job_status"] == "error")
        })
        .await;
        let jobs = platform.jobs().await;
        let stopped = jobs
            .iter()
            .find(|job| job["job_status"] == "error")
            .unwrap();
        assert!(problem_of(stopped).contains(why), "{stopped}");

        std::fs::write(file, &whole).unwrap();
        platform
            .command(&["queue", "replay", "--all"])
            .await
            .expect("it is replayed");
        platform.wait_until_nothing_waits().await;
        let jobs = platform.jobs().await;
        assert!(jobs.iter().all(|job| job["problem"].is_null()), "{jobs:?}");
        // So that the next file is the only one.
        std::fs::remove_file(file).unwrap();
        process.stop().await;
    }
    let kept = count::read_sink(&platform.sink().join("sms"));
    assert_eq!(kept.len(), 2 * 2500);
    assert!(kept.values().all(|message| message.copies == 1));
}

fn vanish(file: &Path, _: &[u8]) -> &'static str {
    std::fs::remove_file(file).unwrap();
    "there is no file"
}

fn change(file: &Path, whole: &[u8]) -> &'static str {
    let mut other = whole.to_vec();
    let middle = other.len() / 2;
    other[middle] ^= 1;
    std::fs::write(file, other).unwrap();
    "was changed or cut off"
}

/// A spreadsheet in its own directory.
struct Sheet {
    _directory: tempfile::TempDir,
    path: String,
}

impl Sheet {
    fn of(rows: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("people.csv");
        let rows = (0..rows).map(|row| format!("07700 900{:03},Person {row},Friday\n", row % 1000));
        let text: String = std::iter::once("phone number,name,day\n".to_owned())
            .chain(rows)
            .collect();
        std::fs::write(&path, text).unwrap();
        Self {
            path: path.to_str().expect("a path that is text").to_owned(),
            _directory: directory,
        }
    }

    /// Returns the command that sends it.
    fn send(&self) -> [&str; 6] {
        ["job", "send", "--json", "--template", "Bin day", &self.path]
    }
}

async fn assert_every_row_is_there_once(platform: &Platform, rows: usize) {
    platform.wait_until_nothing_waits().await;
    let kept = count::read_sink(&platform.sink().join("sms"));
    assert_eq!(kept.len(), rows);
    assert!(kept.values().all(|message| message.copies == 1));
}

fn files_under(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_under(&path));
        } else {
            found.push(path);
        }
    }
    found
}
