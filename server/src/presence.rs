//! Which workers on this machine live. Each process that works on tasks holds the lock of a file of its worker's name in
//! `workers/<machine>/` of the data directory. The kernel lets go of a lock when its process dies and not before: not when
//! the process is stopped for a while, not when the database restarts. So a file whose lock is free is a dead worker's,
//! and what it had in hand is taken back at once instead of at the ends of its leases.
//!
//! Of workers on other machines, or with another data directory, nobody here knows anything: their leases run out. A data
//! directory on a network may be shared by machines that do not see each other's locks.

use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use app::App;
use domain::WorkerId;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::data_dir::DataDir;

/// How often the living look for the dead.
const LOOK: Duration = Duration::from_secs(1);

/// That a worker lives, until it is dropped. Its file stays: who stops in a hurry leaves tasks behind, as the dead do.
#[derive(Debug)]
pub struct Presence {
    _locked: File,
}

impl Presence {
    /// Says that this worker lives, which has taken nothing yet.
    pub fn announce(data_dir: &DataDir, worker: WorkerId) -> anyhow::Result<Self> {
        let path = directory(data_dir).join(worker.to_string());
        let locked = make_locked(&path);
        let locked = locked.with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self { _locked: locked })
    }
}

/// Takes back what the dead had in hand, and forgets them. What fails now is tried at the next look.
pub async fn take_back_from_the_dead(app: &App, data_dir: &DataDir) {
    let directory = directory(data_dir);
    let looked = tokio::task::spawn_blocking(move || dead_workers(&directory)).await;
    let dead = match looked.map_err(io::Error::from).flatten() {
        Ok(dead) => dead,
        Err(error) => return warn!("cannot tell which workers live: {error}"),
    };
    for dead in dead {
        match app.reclaim_from_worker(dead.worker).await {
            Ok(tasks) => {
                if tasks > 0 {
                    let worker = dead.worker;
                    info!(worker.id = %worker, "worker {worker} is dead: {tasks} tasks that it had in hand are ready again");
                }
                dead.forget();
            }
            Err(error) => warn!(
                error = &error as &dyn std::error::Error,
                "cannot take back what a dead worker had in hand, will try again"
            ),
        }
    }
}

/// Looks for the dead until `stop`.
pub async fn watch(app: &App, data_dir: &DataDir, stop: &CancellationToken) {
    while stop
        .run_until_cancelled(tokio::time::sleep(LOOK))
        .await
        .is_some()
    {
        take_back_from_the_dead(app, data_dir).await;
    }
}

fn directory(data_dir: &DataDir) -> PathBuf {
    data_dir.file("workers").join(this_machine())
}

/// Its name, as the name of a directory.
fn this_machine() -> String {
    let name = hostname::get().unwrap_or_default();
    let harmless = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' {
            c
        } else {
            '_'
        }
    };
    format!(
        "machine-{}",
        name.to_string_lossy()
            .chars()
            .map(harmless)
            .collect::<String>()
    )
}

/// The file has its name only once it is locked: nobody takes one who is about to live for dead.
fn make_locked(path: &Path) -> io::Result<File> {
    fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
    let nameless = path.with_extension("new");
    let file = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&nameless)?;
    file.try_lock().map_err(io::Error::from)?;
    fs::rename(&nameless, path)?;
    Ok(file)
}

/// A worker that is dead, whose lock is ours meanwhile.
struct Dead {
    worker: WorkerId,
    path: PathBuf,
    _locked: File,
}

impl Dead {
    fn forget(self) {
        // Another who saw it too may have been quicker; one who is not forgotten is found again.
        let _ = fs::remove_file(&self.path);
    }
}

fn dead_workers(directory: &Path) -> io::Result<Vec<Dead>> {
    let mut dead = Vec::new();
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        // Nobody has found room to say that it lives.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(dead),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(OsStr::to_str);
        let Some(worker) = name.and_then(|name| name.parse().ok()) else {
            continue;
        };
        if let Some(locked) = lock_of_the_dead(&path)? {
            dead.push(Dead {
                worker,
                path,
                _locked: locked,
            });
        }
    }
    Ok(dead)
}

/// Its lock, unless the worker lives or has just been forgotten.
fn lock_of_the_dead(path: &Path) -> io::Result<Option<File>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;
    use crate::outside::SystemEntropy;

    fn worker() -> WorkerId {
        WorkerId::generate(Timestamp::from_unix_micros(1_000_000), &SystemEntropy)
    }

    fn dead_in(data_dir: &DataDir) -> Vec<WorkerId> {
        let dead = dead_workers(&directory(data_dir)).unwrap();
        dead.iter().map(|dead| dead.worker).collect()
    }

    #[test]
    fn a_worker_is_dead_once_its_lock_is_free_and_not_before() {
        let directory = tempfile::tempdir().unwrap();
        let data_dir = DataDir::new(directory.path());
        let (one, other) = (worker(), worker());
        let lives = Presence::announce(&data_dir, one).unwrap();
        let killed = Presence::announce(&data_dir, other).unwrap();
        assert_eq!(dead_in(&data_dir), []);
        drop(killed);
        assert_eq!(dead_in(&data_dir), [other]);
        drop(lives);
        assert_eq!(dead_in(&data_dir).len(), 2);
    }

    #[test]
    fn the_dead_are_seen_to_by_one_at_a_time_and_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let data_dir = DataDir::new(directory.path());
        drop(Presence::announce(&data_dir, worker()).unwrap());
        let workers = super::directory(&data_dir);
        fs::write(workers.join("a note of somebody"), "").unwrap();
        let first = dead_workers(&workers).unwrap();
        assert_eq!(first.len(), 1);
        assert_eq!(dead_in(&data_dir), [], "somebody else sees to it");
        drop(first);
        assert_eq!(
            dead_in(&data_dir).len(),
            1,
            "who did not end with it forgot nothing"
        );
        for dead in dead_workers(&workers).unwrap() {
            dead.forget();
        }
        assert_eq!(dead_in(&data_dir), []);
    }
}
