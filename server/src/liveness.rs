//! Detection of dead workers on this machine. Each worker process holds an exclusive lock on a file named for its worker in
//! `workers/<machine>/` of the data directory. The kernel releases the lock when the process exits, and only then: a paused
//! process or a restart of the database does not release it. A file that is not locked belongs to a dead worker, whose
//! leases are released at once in place of at their expiry.
//!
//! Workers on other machines, or with another data directory, are not visible here: their leases expire. Machines may share
//! a data directory over a network file system that does not share locks, hence one directory for each machine.

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

const RECLAIM_INTERVAL: Duration = Duration::from_secs(1);

/// Exclusive file lock that marks this worker as alive; the kernel releases it when the process exits. The file stays,
/// because a process that stops in a hurry may leave leased tasks behind.
#[derive(Debug)]
pub struct WorkerLock {
    _file: File,
}

impl WorkerLock {
    /// Creates and locks the file of `worker`. Call it before the worker claims its first task.
    pub fn acquire(data_dir: &DataDir, worker: WorkerId) -> anyhow::Result<Self> {
        let path = directory(data_dir).join(worker.to_string());
        let file = create_locked(&path);
        let file = file.with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self { _file: file })
    }
}

/// Releases the leases of dead workers and removes their files. Failures are logged and retried at the next call.
pub async fn reclaim_dead_workers(app: &App, data_dir: &DataDir) {
    let directory = directory(data_dir);
    // Locks may block for long on a network file system.
    let found = tokio::task::spawn_blocking(move || dead_workers(&directory)).await;
    let dead = match found.map_err(io::Error::from).flatten() {
        Ok(dead) => dead,
        Err(error) => return warn!("cannot look for dead workers: {error}"),
    };
    for dead in dead {
        match app.reclaim_from_worker(dead.worker).await {
            Ok(tasks) => {
                if tasks > 0 {
                    let worker = dead.worker;
                    info!(worker.id = %worker, "worker {worker} is dead: released the leases of its {tasks} tasks");
                }
                // Not before its tasks are reclaimed: until then, its file is what finds them again.
                dead.remove();
            }
            Err(error) => warn!(
                error = &error as &dyn std::error::Error,
                "cannot release the leases of a dead worker, will retry"
            ),
        }
    }
}

/// Reclaims the tasks of dead workers every second until `stop` is cancelled.
pub async fn watch(app: &App, data_dir: &DataDir, stop: &CancellationToken) {
    while stop
        .run_until_cancelled(tokio::time::sleep(RECLAIM_INTERVAL))
        .await
        .is_some()
    {
        reclaim_dead_workers(app, data_dir).await;
    }
}

fn directory(data_dir: &DataDir) -> PathBuf {
    data_dir.file("workers").join(machine_directory())
}

/// Returns the host name in characters that are safe in a path.
fn machine_directory() -> String {
    let name = hostname::get().unwrap_or_default();
    let replace_unsafe = |c: char| {
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
            .map(replace_unsafe)
            .collect::<String>()
    )
}

fn create_locked(path: &Path) -> io::Result<File> {
    fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
    // The file gets its final name only once it is locked: otherwise another process could take this worker for dead.
    let unnamed = path.with_extension("new");
    let file = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&unnamed)?;
    file.try_lock().map_err(io::Error::from)?;
    fs::rename(&unnamed, path)?;
    Ok(file)
}

/// A dead worker. Holds the lock of its file, so that only one process reclaims its tasks.
struct DeadWorker {
    worker: WorkerId,
    path: PathBuf,
    _lock: File,
}

impl DeadWorker {
    fn remove(self) {
        // A file that cannot be removed is found again at the next look.
        let _ = fs::remove_file(&self.path);
    }
}

fn dead_workers(directory: &Path) -> io::Result<Vec<DeadWorker>> {
    let mut dead = Vec::new();
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        // No worker has started here yet.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(dead),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(OsStr::to_str);
        // Other names, such as that of a file being created, are not workers.
        let Some(worker) = name.and_then(|name| name.parse().ok()) else {
            continue;
        };
        if let Some(lock) = try_lock_dead(&path)? {
            dead.push(DeadWorker {
                worker,
                path,
                _lock: lock,
            });
        }
    }
    Ok(dead)
}

/// Locks the file of a worker. Returns `None` if the worker is alive or its file has just been removed.
fn try_lock_dead(path: &Path) -> io::Result<Option<File>> {
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
    use crate::system::SystemRandom;

    fn worker() -> WorkerId {
        WorkerId::generate(Timestamp::from_unix_micros(1_000_000), &SystemRandom)
    }

    fn dead_workers_in(data_dir: &DataDir) -> Vec<WorkerId> {
        let dead = dead_workers(&directory(data_dir)).unwrap();
        dead.iter().map(|dead| dead.worker).collect()
    }

    #[test]
    fn a_worker_is_dead_once_its_lock_is_free() {
        let directory = tempfile::tempdir().unwrap();
        let data_dir = DataDir::new(directory.path());
        let (one, other) = (worker(), worker());
        let alive = WorkerLock::acquire(&data_dir, one).unwrap();
        let killed = WorkerLock::acquire(&data_dir, other).unwrap();
        assert_eq!(dead_workers_in(&data_dir), []);
        drop(killed);
        assert_eq!(dead_workers_in(&data_dir), [other]);
        drop(alive);
        assert_eq!(dead_workers_in(&data_dir).len(), 2);
    }

    #[test]
    fn one_process_at_a_time_reclaims_a_dead_worker() {
        let directory = tempfile::tempdir().unwrap();
        let data_dir = DataDir::new(directory.path());
        drop(WorkerLock::acquire(&data_dir, worker()).unwrap());
        let workers = super::directory(&data_dir);
        fs::write(workers.join("another file"), "").unwrap();
        let first = dead_workers(&workers).unwrap();
        assert_eq!(first.len(), 1);
        assert_eq!(
            dead_workers_in(&data_dir),
            [],
            "the first look holds its lock"
        );
        drop(first);
        assert_eq!(
            dead_workers_in(&data_dir).len(),
            1,
            "a worker that was not removed is found again"
        );
        for dead in dead_workers(&workers).unwrap() {
            dead.remove();
        }
        assert_eq!(dead_workers_in(&data_dir), []);
    }
}
