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
mod lease;
mod lists;
mod page;
mod pool;
mod postgres;
mod row;
mod session;
mod sqlite;
mod table;

use std::path::Path;

use sqlx::PgConnection;

pub(crate) use application_name::announced_connections;
pub(crate) use args::{Arg, args, parameters};
use lease::Lease;
use pool::Pool;
pub(crate) use row::Row;
use session::Connection;
pub use session::{Session, Tx};
pub(crate) use table::{Column, ColumnType, Table, columns};

use crate::Error;

/// Open database of either kind. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) enum Db {
    Sqlite(sqlite::Pools),
    Postgres(Pool<PgConnection>),
}

/// Kind of database; `dialect.rs` names what depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// SQLite, embedded in the process.
    Sqlite,
    /// PostgreSQL, shared by several processes.
    Postgres,
}

impl Db {
    pub(crate) async fn connect(address: &str, connections: u32) -> Result<Self, Error> {
        if let Some(path) = address.strip_prefix("sqlite:") {
            let path = Path::new(path.trim_start_matches("//"));
            return Ok(Self::Sqlite(sqlite::open(path).await?));
        }
        if address.starts_with("postgres://") || address.starts_with("postgresql://") {
            return Ok(Self::Postgres(
                postgres::connect(address, connections).await?,
            ));
        }
        Err(Error::Address(redacted(address)))
    }

    pub(crate) const fn kind(&self) -> Kind {
        match self {
            Self::Sqlite { .. } => Kind::Sqlite,
            Self::Postgres(_) => Kind::Postgres,
        }
    }

    pub(crate) async fn read(&self) -> Result<Session, Error> {
        // Boxed here and below: acquiring takes kilobytes of future, which every caller would contain and move about.
        Ok(Session(match self {
            Self::Sqlite(pools) => {
                Connection::Sqlite(Box::pin(Lease::acquire(&pools.readers)).await?)
            }
            Self::Postgres(pool) => Connection::Postgres(Box::pin(Lease::acquire(pool)).await?),
        }))
    }

    pub(crate) async fn begin(&self) -> Result<Tx, Error> {
        Ok(Tx(Session(match self {
            Self::Sqlite(pools) => Connection::Sqlite(Box::pin(Lease::begin(&pools.writer)).await?),
            Self::Postgres(pool) => Connection::Postgres(Box::pin(Lease::begin(pool)).await?),
        })))
    }

    pub(crate) async fn migrate(&self, migrator: &sqlx::migrate::Migrator) -> Result<(), Error> {
        let outcome = match self {
            Self::Sqlite(pools) => {
                let mut writer = Lease::acquire(&pools.writer).await?;
                migrator.run_direct(None, writer.connection(), false).await
            }
            Self::Postgres(pool) => {
                let mut lease = Lease::acquire(pool).await?;
                migrator.run_direct(None, lease.connection(), false).await
            }
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
        let Some(mut session) = self.sqlite_writer().await? else {
            return Ok(true);
        };
        let row = session
            .fetch_optional("PRAGMA wal_checkpoint(TRUNCATE)", vec![])
            .await?;
        let busy: i64 = row.map_or(Ok(1), |row| row.get("busy"))?;
        Ok(busy == 0)
    }

    /// Copies an `SQLite` database to a new file. Returns false on PostgreSQL.
    pub(crate) async fn copy_to(&self, file: &Path) -> Result<bool, Error> {
        // The connection for writing, because SQLite counts the copy as a write; it takes only a lock for reading.
        let Some(mut session) = self.sqlite_writer().await? else {
            return Ok(false);
        };
        let file = file.to_str().ok_or_else(|| {
            let lossy = file.display().to_string();
            Error::Address(format!("sqlite:{lossy}"))
        })?;
        session
            .execute("VACUUM INTO $1", vec![Arg::Text(Some(file.to_owned()))])
            .await?;
        Ok(true)
    }

    /// Returns the connection that writes, without a transaction.
    async fn sqlite_writer(&self) -> Result<Option<Session>, Error> {
        Ok(match self {
            Self::Sqlite(pools) => {
                let writer = Lease::acquire(&pools.writer).await?;
                Some(Session(Connection::Sqlite(writer)))
            }
            Self::Postgres(_) => None,
        })
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(pools) => {
                pools.readers.close().await;
                pools.writer.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
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
        let db = Db::Sqlite(sqlite::open(&path).await.unwrap());
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

    /// Returns a database in a file with a table, whose writing connection is marked.
    async fn marked(path: &std::path::Path) -> Db {
        let db = Db::Sqlite(sqlite::open(path).await.unwrap());
        let mut tx = db.begin().await.unwrap();
        for statement in [
            "CREATE TABLE numbers (number INTEGER PRIMARY KEY)",
            "CREATE TEMP TABLE mark (number INTEGER)",
        ] {
            tx.execute(statement, vec![]).await.unwrap();
        }
        tx.commit().await.unwrap();
        db
    }

    #[tokio::test]
    async fn a_dropped_transaction_releases_the_lock_though_the_runtime_stands_still() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock.db");
        let db = marked(&path).await;
        let mut tx = db.begin().await.unwrap();
        tx.execute("INSERT INTO numbers VALUES (1)", vec![])
            .await
            .unwrap();
        drop(tx);
        // This thread, which runs the runtime of the first, waits meanwhile.
        let other = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let db = Db::Sqlite(sqlite::open(&path).await.unwrap());
                let mut tx = db.begin().await.unwrap();
                tx.execute("INSERT INTO numbers VALUES (1)", vec![])
                    .await
                    .unwrap();
                tx.commit().await.unwrap();
            });
        });
        other
            .join()
            .expect("the row is not there, and the lock is free");
    }

    #[tokio::test]
    async fn a_connection_whose_commit_was_dropped_is_used_again() {
        use futures::FutureExt as _;

        let directory = tempfile::tempdir().unwrap();
        let db = marked(&directory.path().join("commit.db")).await;
        for number in 0..20 {
            let mut tx = db.begin().await.unwrap();
            let insert = format!("INSERT INTO numbers VALUES ({number})");
            tx.execute(insert, vec![]).await.unwrap();
            let _ = Box::pin(tx.commit()).now_or_never();
        }
        let mut tx = db.begin().await.unwrap();
        let marks = tx.fetch_all("SELECT * FROM mark", vec![]).await;
        assert!(marks.is_ok(), "it is the same connection");
        let rows = tx.fetch_all("SELECT * FROM numbers", vec![]).await;
        assert_eq!(rows.unwrap().len(), 20);
    }
}
