//! The only module that uses a driver. The modules above it work with a [`Session`] (a connection to read from), a
//! [`Tx`] (a transaction to write in), arguments and rows, and one SQL text serves both databases.
//!
//! Both databases take `$1`-style parameters. An argument knows its type even when it is null, because PostgreSQL
//! requires it.

/// Names every kind of id to a macro: each is an argument and can be read.
macro_rules! for_every_id {
    ($each:ident) => {
        $each!(
            ApiKeyId
            CallbackAttemptId
            CallbackId
            ContactListId
            DocumentId
            FolderId
            InboundNumberId
            InboundSmsId
            JobId
            LetterContactId
            NotificationId
            OrganisationId
            ProviderId
            ReplyToId
            RetentionId
            ServiceId
            SmsSenderId
            SuppressionId
            TaskId
            TemplateFileId
            TemplateId
            UnsubscribeRequestId
            UserId
            WorkerId
        );
    };
}

mod application_name;
mod args;
mod insert;
mod page;
mod postgres;
mod row;
mod session;
mod table;

use std::{path::Path, time::Duration};

use sqlx::{
    Connection as _,
    postgres::PgPool,
    sqlite::{
        SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
        SqliteSynchronous,
    },
};

pub(crate) use application_name::announced_connections;
pub(crate) use args::{Arg, args, parameters};
use postgres::Lease;
pub(crate) use row::Row;
use session::Connection;
pub use session::{Session, Tx};
pub(crate) use table::{Column, ColumnType, Table, columns};

use crate::Error;

/// Open database of either kind. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) enum Db {
    /// Several readers and a single writer. SQLite allows one writer at a time, and waiting for the connection is
    /// fairer and faster than polling its lock.
    Sqlite {
        readers: SqlitePool,
        writer: SqlitePool,
    },
    Postgres(PgPool),
}

/// Kind of database; `dialect.rs` names what depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// SQLite, embedded in the process.
    Sqlite,
    /// PostgreSQL, shared by several processes.
    Postgres,
}

const READERS: u32 = 4;
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

impl Db {
    pub(crate) async fn connect(address: &str, connections: u32) -> Result<Self, Error> {
        if let Some(path) = address.strip_prefix("sqlite:") {
            return Self::open_file(Path::new(path.trim_start_matches("//"))).await;
        }
        if address.starts_with("postgres://") || address.starts_with("postgresql://") {
            return Ok(Self::Postgres(
                postgres::connect(address, connections).await?,
            ));
        }
        Err(Error::Address(redacted(address)))
    }

    async fn open_file(path: &Path) -> Result<Self, Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // An answered request must survive a power failure, so each commit waits for the disk.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .statement_cache_capacity(200)
            // 32 MB for each connection; the negative number counts kibibytes instead of pages.
            .pragma("cache_size", "-32000")
            // 16 MB of log between checkpoints: fewer of them at full load, and readers still find pages quickly.
            .pragma("wal_autocheckpoint", "4000")
            // A burst must not leave a log of gigabytes behind.
            .pragma("journal_size_limit", "67108864")
            .pragma("temp_store", "memory");
        // The writer comes first: it creates the file and switches it to the write-ahead log.
        let writer = pool(1)
            // See `is_stuck`.
            .before_acquire(|connection, _| Box::pin(async { Ok(!is_stuck(connection)) }))
            .connect_with(options.clone())
            .await?;
        let readers = pool(READERS)
            // A write on a reader would bypass the single writer; SQLite itself rejects it.
            .connect_with(options.pragma("query_only", "on"))
            .await?;
        Ok(Self::Sqlite { readers, writer })
    }

    pub(crate) const fn kind(&self) -> Kind {
        match self {
            Self::Sqlite { .. } => Kind::Sqlite,
            Self::Postgres(_) => Kind::Postgres,
        }
    }

    pub(crate) async fn read(&self) -> Result<Session, Error> {
        // Boxed here and below: acquiring takes four kilobytes of future, which every caller would contain and move about.
        Ok(Session(match self {
            Self::Sqlite { readers, .. } => Connection::Sqlite(Box::pin(readers.acquire()).await?),
            Self::Postgres(pool) => Connection::Postgres(Box::pin(Lease::acquire(pool)).await?),
        }))
    }

    pub(crate) async fn begin(&self) -> Result<Tx, Error> {
        Ok(Tx(Session(match self {
            Self::Sqlite { writer, .. } => {
                // `IMMEDIATE`, because a transaction that starts as a reader can fail with `BUSY` when it first
                // writes.
                Connection::SqliteTx(Box::pin(writer.begin_with("BEGIN IMMEDIATE")).await?)
            }
            Self::Postgres(pool) => Connection::Postgres(Box::pin(Lease::begin(pool)).await?),
        })))
    }

    pub(crate) async fn migrate(&self, migrator: &sqlx::migrate::Migrator) -> Result<(), Error> {
        let outcome = match self {
            Self::Sqlite { writer, .. } => migrator.run(writer).await,
            Self::Postgres(pool) => migrator.run(pool).await,
        };
        outcome.map_err(|error| match error {
            // The database has had a migration that this program does not contain.
            sqlx::migrate::MigrateError::VersionMissing(found) => Error::TooNew {
                found,
                known: migrator.iter().map(|one| one.version).max().unwrap_or(0),
            },
            sqlx::migrate::MigrateError::Execute(cause) => cause.into(),
            other => Error::Migration(other),
        })
    }

    /// Empties `SQLite`'s log into the database. Returns false if another connection prevented it. PostgreSQL manages
    /// its own log.
    pub(crate) async fn checkpoint_wal(&self) -> Result<bool, Error> {
        let Self::Sqlite { writer, .. } = self else {
            return Ok(true);
        };
        let mut session = Session(Connection::Sqlite(writer.acquire().await?));
        let row = session
            .fetch_optional("PRAGMA wal_checkpoint(TRUNCATE)", vec![])
            .await?;
        let busy: i64 = row.map_or(Ok(1), |row| row.get("busy"))?;
        Ok(busy == 0)
    }

    /// Copies an `SQLite` database to a new file. Returns false on PostgreSQL.
    pub(crate) async fn copy_to(&self, file: &Path) -> Result<bool, Error> {
        let Self::Sqlite { writer, .. } = self else {
            return Ok(false);
        };
        // The connection for writing, because SQLite counts the copy as a write; it takes only a lock for reading.
        let mut session = Session(Connection::Sqlite(writer.acquire().await?));
        let file = file.to_str().ok_or_else(|| {
            let lossy = file.display().to_string();
            Error::Address(format!("sqlite:{lossy}"))
        })?;
        session
            .execute("VACUUM INTO $1", vec![Arg::Text(Some(file.to_owned()))])
            .await?;
        Ok(true)
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite { readers, writer } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// Returns whether a connection wrongly believes that it is in a transaction. A full disk and a failed commit make
/// SQLite roll back by itself; the driver's own rollback then fails, and the connection stays in this state for
/// ever. It is closed and replaced (`docs/decisions/after-a-failed-fsync.md`).
fn is_stuck(connection: &SqliteConnection) -> bool {
    connection.is_in_transaction()
}

fn pool(size: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(size)
        .min_connections(1)
        .acquire_timeout(BUSY_TIMEOUT)
        // Reopening would lose the page cache of the connection.
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

/// Returns the address without its user and password.
fn redacted(address: &str) -> String {
    match (address.find("://"), address.rfind('@')) {
        // `rfind`, because a password may contain an `@`.
        (Some(scheme), Some(at)) if scheme < at => {
            format!("{}://…{}", &address[..scheme], &address[at..])
        }
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn writes_succeed_again_after_a_full_disk() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("full.db");
        let db = Db::open_file(&path).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        tx.execute("CREATE TABLE filler (bytes BLOB)", vec![])
            .await
            .unwrap();
        tx.commit().await.unwrap();

        let mut tx = db.begin().await.unwrap();
        tx.fetch_all("PRAGMA max_page_count = 20", vec![])
            .await
            .unwrap();
        let mut outcome = Ok(0);
        while outcome.is_ok() {
            outcome = tx
                .execute(
                    "INSERT INTO filler VALUES ($1)",
                    vec![Arg::Bytes(Some(vec![7; 4000]))],
                )
                .await;
        }
        assert!(outcome.unwrap_err().is_transient(), "a full disk passes");
        drop(tx);

        // The limit went with the connection that met it.
        let mut tx = db.begin().await.unwrap();
        tx.execute(
            "INSERT INTO filler VALUES ($1)",
            vec![Arg::Bytes(Some(vec![7; 400_000]))],
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
        let rows = db
            .read()
            .await
            .unwrap()
            .fetch_all("SELECT bytes FROM filler", vec![])
            .await
            .unwrap();
        assert_eq!(rows.len(), 1, "and nothing of what failed is there");
    }
}
