//! The file of SQLite, and the connections to it.

use std::{path::Path, time::Duration};

use sqlx::{
    SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use super::{lease::Backend, pool::Pool};
use crate::Error;

const READERS: u32 = 4;
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// A connection to a file needs none: nothing lies between that could be cut.
const VALIDATION: Option<Duration> = None;
/// Rows that a connection reads ahead of us: more than a batch has, so that its thread need not wait in the middle.
const ROWS_AHEAD: usize = 256;

/// Several readers and a single writer. SQLite allows one writer at a time, and waiting for the connection is
/// fairer and faster than polling its lock.
#[derive(Debug, Clone)]
pub(crate) struct Pools {
    pub(super) readers: Pool<SqliteConnection>,
    pub(super) writer: Pool<SqliteConnection>,
}

/// Opens a file, which is created if it does not exist.
pub(super) async fn open(path: &Path) -> Result<Pools, Error> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // An answered request must survive a power failure, so each commit waits for the disk.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .statement_cache_capacity(200)
        .row_buffer_size(ROWS_AHEAD)
        // 32 MB for each connection; the negative number counts kibibytes instead of pages.
        .pragma("cache_size", "-32000")
        // 16 MB of log between checkpoints: fewer of them at full load, and readers still find pages quickly.
        .pragma("wal_autocheckpoint", "4000")
        // A burst must not leave a log of gigabytes behind.
        .pragma("journal_size_limit", "67108864")
        .pragma("temp_store", "memory");
    // The writer comes first: it creates the file and switches it to the write-ahead log.
    let writer = Pool::new(options.clone(), 1, BUSY_TIMEOUT, VALIDATION);
    writer.acquire().await?.release();
    // A write on a reader would bypass the single writer; SQLite itself rejects it.
    let readers = Pool::new(
        options.pragma("query_only", "on"),
        READERS,
        BUSY_TIMEOUT,
        VALIDATION,
    );
    readers.acquire().await?.release();
    Ok(Pools { readers, writer })
}

impl Backend for SqliteConnection {
    // Because a transaction that starts as a reader can fail with `BUSY` when it first writes.
    const BEGIN: &'static str = "BEGIN IMMEDIATE";
    const LIMITS: Option<(Duration, Duration)> = None;

    fn had_no_transaction(error: &sqlx::Error) -> bool {
        // SQLite has no code of its own for it.
        let refused = error.as_database_error();
        refused.is_some_and(|refused| refused.message().ends_with("no transaction is active"))
    }

    async fn run(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        // Prepared once. The driver's own transaction makes its thread wait until we have taken the answer.
        sqlx::query(statement).execute(self).await?;
        Ok(())
    }
}
