//! A log in an `SQLite` file on this machine: for one machine in front of a database elsewhere, and for tests.
//!
//! All writes of a process go through one connection, which writes everything that waits in one commit. Several
//! processes may append; one of them at a time reads a queue, the one that holds the lock of a file. The kernel releases
//! the lock when that process is gone, and then another one reads on.

mod reader;
mod writer;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use domain::Channel;
use sqlx::{
    ConnectOptions as _, Row as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tokio::sync::Notify;

use crate::{AppendError, IntakeLog, LogError, LogReader, QUEUES, queue_name};
use reader::SpoolReader;
use writer::{Change, Writer};

/// As the groups of a broker; what is larger does not go through a log.
const MAX_GROUP_BYTES: usize = 16 << 20;
/// How long a write waits for another process before its caller hears that the log does not answer.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);

const TABLES: [&str; 3] = [
    // Numbers of removed groups are not used again, so that an acknowledgement never removes another group.
    "CREATE TABLE IF NOT EXISTS groups (number INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, body BLOB NOT NULL)",
    // For readers, who want the oldest of a queue.
    "CREATE INDEX IF NOT EXISTS groups_by_queue ON groups (queue, number)",
    "CREATE TABLE IF NOT EXISTS aside (number INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, body BLOB NOT NULL, \
     reason TEXT NOT NULL)",
];

/// A spool directory.
#[derive(Debug, Clone)]
pub(crate) struct Spool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    directory: PathBuf,
    options: SqliteConnectOptions,
    writer: Writer,
    queues: BTreeMap<Channel, QueueState>,
}

/// What the readers of a queue in this process share.
#[derive(Debug, Default)]
struct QueueState {
    /// Wakes readers when a group was appended or returned in this process.
    changed: Notify,
    shared: Mutex<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Numbers of the groups that readers hold.
    held: BTreeSet<i64>,
    /// Locked while this process reads the queue.
    lock: Option<File>,
    readers: usize,
}

impl QueueState {
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().expect("no one panics holding it")
    }
}

impl Spool {
    /// Opens a directory, which is created if it does not exist.
    pub(crate) async fn open(directory: &Path) -> Result<Self, LogError> {
        let failed = |error| {
            LogError::caused(
                format!("cannot create the directory {}", directory.display()),
                error,
            )
        };
        create_private(directory).map_err(failed)?;
        let options = SqliteConnectOptions::new()
            .filename(directory.join("intake.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // An accepted message must survive a power failure, so each commit waits for the disk.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .disable_statement_logging();
        let mut connection = connect(&options).await?;
        for statement in TABLES {
            sqlx::query(statement)
                .execute(&mut connection)
                .await
                .map_err(database_failed)?;
        }
        check_durability(&mut connection, directory).await?;
        Ok(Self(Arc::new(Inner {
            directory: directory.to_owned(),
            writer: Writer::start(options.clone(), connection),
            options,
            queues: QUEUES
                .into_iter()
                .map(|queue| (queue, QueueState::default()))
                .collect(),
        })))
    }

    fn queue(&self, queue: Channel) -> &QueueState {
        &self.0.queues[&queue]
    }

    /// Returns whether this process reads the queue, after it has tried to.
    fn may_read(&self, queue: Channel) -> Result<bool, LogError> {
        let mut shared = self.queue(queue).lock();
        if shared.lock.is_some() {
            return Ok(true);
        }
        let path = self.0.directory.join(format!("{}.lock", queue_name(queue)));
        let failed = |error| LogError::caused(format!("cannot lock {}", path.display()), error);
        let file = File::create(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {
                shared.lock = Some(file);
                Ok(true)
            }
            Err(fs::TryLockError::WouldBlock) => Ok(false),
            Err(fs::TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    async fn count(&self, sql: &'static str, queue: Channel) -> Result<u64, LogError> {
        let mut connection = connect(&self.0.options).await?;
        let row = sqlx::query(sql)
            .bind(queue_name(queue))
            .fetch_one(&mut connection)
            .await
            .map_err(database_failed)?;
        let count: i64 = row.try_get(0).map_err(database_failed)?;
        Ok(count.unsigned_abs())
    }
}

#[async_trait]
impl IntakeLog for Spool {
    fn promise(&self) -> String {
        format!(
            "it is flushed to a disk of this machine, in {}",
            self.0.directory.display()
        )
    }

    fn max_group_bytes(&self) -> usize {
        MAX_GROUP_BYTES
    }

    async fn append(&self, queue: Channel, group: Bytes) -> Result<(), AppendError> {
        if group.len() > MAX_GROUP_BYTES {
            return Err(AppendError::TooLarge {
                bytes: group.len(),
                limit: MAX_GROUP_BYTES,
            });
        }
        self.0.writer.write(Change::Append { queue, group }).await?;
        self.queue(queue).changed.notify_waiters();
        Ok(())
    }

    async fn reader(&self, queue: Channel) -> Result<Box<dyn LogReader>, LogError> {
        let connection = connect(&self.0.options).await?;
        Ok(Box::new(SpoolReader::new(self.clone(), queue, connection)))
    }

    async fn depth(&self, queue: Channel) -> Result<u64, LogError> {
        self.count("SELECT count(*) FROM groups WHERE queue = ?", queue)
            .await
    }

    async fn count_aside(&self, queue: Channel) -> Result<u64, LogError> {
        self.count("SELECT count(*) FROM aside WHERE queue = ?", queue)
            .await
    }

    async fn replay_aside(&self, queue: Channel) -> Result<u64, LogError> {
        let replayed = self.0.writer.write(Change::ReplayAside { queue }).await?;
        self.queue(queue).changed.notify_waiters();
        Ok(replayed)
    }
}

fn create_private(directory: &Path) -> io::Result<()> {
    // What waits here is sealed, but how much waits, and of which channel, is nobody else's business either.
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
}

async fn connect(options: &SqliteConnectOptions) -> Result<SqliteConnection, LogError> {
    options.connect().await.map_err(database_failed)
}

/// Fails if the file system does not let `SQLite` keep its promise.
async fn check_durability(
    connection: &mut SqliteConnection,
    directory: &Path,
) -> Result<(), LogError> {
    let mut pragma = async |sql: &'static str| {
        let row = sqlx::query(sql).fetch_one(&mut *connection).await;
        row.map_err(database_failed)
    };
    let mode: String = pragma("PRAGMA journal_mode")
        .await?
        .try_get(0)
        .map_err(database_failed)?;
    let synchronous: i64 = pragma("PRAGMA synchronous")
        .await?
        .try_get(0)
        .map_err(database_failed)?;
    // A network file system has no shared memory, and silently keeps the old mode.
    if mode == "wal" && synchronous == 2 {
        return Ok(());
    }
    Err(LogError::new(format!(
        "{} is not on a file system that can hold the spool: use a local disk",
        directory.display()
    )))
}

fn database_failed(error: sqlx::Error) -> LogError {
    LogError::caused("its SQLite file", error)
}
