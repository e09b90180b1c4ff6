//! The lock beside an embedded database, shared by all who work on its tasks. Who can have it alone knows that all workers
//! before it are dead – the kernel lets go of a dead process's locks, and of no stopped one's – and takes back what they
//! had in hand, so that a restart does not wait for the ends of their leases.
//!
//! Of the workers on a server's database nobody can know that: a connection that broke says nothing of its process.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use app::App;
use tracing::{info, warn};

/// A place among the workers on an embedded database, until it is dropped.
#[derive(Debug)]
pub struct WorkerLock {
    _file: File,
}

impl WorkerLock {
    /// Takes a place before any task is taken; nothing on a server's database. Tasks of the dead are ready at once if
    /// nobody else lives.
    pub async fn take(app: &App) -> anyhow::Result<Option<Self>> {
        let Some(database) = app.store().file() else {
            return Ok(None);
        };
        let path = path_beside(&database)
            .with_context(|| format!("cannot find {}", database.display()))?;
        let file = open(&path).with_context(|| format!("cannot open {}", path.display()))?;
        let locked = || format!("cannot lock {}", path.display());
        if is_alone(&file).with_context(locked)? {
            take_back(app).await;
        }
        // Others may come from here on; one who is alone at this moment is soon done.
        let shared = tokio::task::spawn_blocking(move || file.lock_shared().map(|()| file));
        let file = shared.await?.with_context(locked)?;
        Ok(Some(Self { _file: file }))
    }
}

/// Whatever name the database was opened by, its lock is one file.
fn path_beside(database: &Path) -> io::Result<PathBuf> {
    let mut path = database.canonicalize()?.into_os_string();
    path.push("-workers");
    Ok(path.into())
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

fn is_alone(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

async fn take_back(app: &App) {
    match app.take_back_tasks().await {
        Ok(0) => {}
        Ok(tasks) => info!("{tasks} tasks were in the hands of workers who are dead: ready again"),
        Err(error) => warn!(
            error = &error as &dyn std::error::Error,
            "cannot take back what dead workers had in hand: it waits for the end of their leases"
        ),
    }
}
