//! The one module that names a driver. Everything above it speaks of a [`Session`] (a connection to read from), a
//! [`Tx`] (a transaction to write in), arguments and rows, and one SQL text serves both databases.
//!
//! Both take `$1`-style parameters. An argument knows its type even when it is null, because PostgreSQL asks.

/// Names every kind of id to a macro: each is an argument and can be read.
macro_rules! for_every_id {
    ($each:ident) => {
        $each!(
            ApiKeyId
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
            ReplyToId
            RetentionId
            ServiceId
            SmsSenderId
            TaskId
            TemplateFileId
            TemplateId
            UnsubscribeRequestId
            UserId
            WorkerId
        );
    };
}

mod args;
mod row;
mod table;

use std::{
    ops::{Deref, DerefMut},
    path::Path,
    str::FromStr as _,
    time::Duration,
};

use sqlx::{
    AssertSqlSafe, Connection as _, Postgres, Sqlite, Transaction,
    pool::PoolConnection,
    postgres::{PgArguments, PgPool, PgPoolOptions},
    sqlite::{
        SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool,
        SqlitePoolOptions, SqliteSynchronous,
    },
};

pub(crate) use args::{Arg, args, parameters};
use args::{Sql, add_array, add_sqlite, postgres, sqlite};
pub(crate) use row::Row;
use table::MOST_ROWS_AT_ONCE;
pub(crate) use table::{ColumnType, Table};

use crate::Error;

/// The open database, of either kind. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) enum Db {
    /// Many readers and one writer: `SQLite` has one writer at a time, and waiting in our own line beats its polling.
    Sqlite {
        readers: SqlitePool,
        writer: SqlitePool,
    },
    Postgres(PgPool),
}

/// Which of the two databases it is; `dialect.rs` names what follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The embedded one.
    Sqlite,
    /// The one that scales out.
    Postgres,
}

const READERS: u32 = 4;
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(15);

impl Db {
    pub(crate) async fn connect(address: &str, connections: u32) -> Result<Self, Error> {
        if let Some(path) = address.strip_prefix("sqlite:") {
            return Self::open_file(Path::new(path.trim_start_matches("//"))).await;
        }
        if address.starts_with("postgres://") || address.starts_with("postgresql://") {
            return Self::connect_server(address, connections).await;
        }
        Err(Error::Address(redacted(address)))
    }

    async fn open_file(path: &Path) -> Result<Self, Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .statement_cache_capacity(200)
            .pragma("cache_size", "-32000")
            .pragma("wal_autocheckpoint", "4000")
            .pragma("journal_size_limit", "67108864")
            .pragma("temp_store", "memory");
        let writer = pool(1)
            .before_acquire(|connection, _| Box::pin(async { Ok(!is_stuck(connection)) }))
            .connect_with(options.clone())
            .await?;
        let readers = pool(READERS)
            .connect_with(options.pragma("query_only", "on"))
            .await?;
        Ok(Self::Sqlite { readers, writer })
    }

    async fn connect_server(address: &str, connections: u32) -> Result<Self, Error> {
        let options = sqlx::postgres::PgConnectOptions::from_str(address)
            .map_err(|_| Error::Address(redacted(address)))?
            .application_name(&crate::connections::application_name(connections))
            .options([("statement_timeout", "1200000"), ("timezone", "UTC")])
            .statement_cache_capacity(200);
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .connect_with(options)
            .await?;
        Ok(Self::Postgres(pool))
    }

    pub(crate) const fn kind(&self) -> Kind {
        match self {
            Self::Sqlite { .. } => Kind::Sqlite,
            Self::Postgres(_) => Kind::Postgres,
        }
    }

    pub(crate) async fn read(&self) -> Result<Session, Error> {
        Ok(Session(match self {
            Self::Sqlite { readers, .. } => Connection::Sqlite(readers.acquire().await?),
            Self::Postgres(pool) => Connection::Postgres(pool.acquire().await?),
        }))
    }

    pub(crate) async fn begin(&self) -> Result<Tx, Error> {
        Ok(Tx(Session(match self {
            Self::Sqlite { writer, .. } => {
                Connection::SqliteTx(writer.begin_with("BEGIN IMMEDIATE").await?)
            }
            Self::Postgres(pool) => Connection::PostgresTx(pool.begin().await?),
        })))
    }

    pub(crate) async fn migrate(&self, migrator: &sqlx::migrate::Migrator) -> Result<(), Error> {
        let outcome = match self {
            Self::Sqlite { writer, .. } => migrator.run(writer).await,
            Self::Postgres(pool) => migrator.run(pool).await,
        };
        outcome.map_err(|error| match error {
            sqlx::migrate::MigrateError::VersionMissing(found) => Error::TooNew {
                found,
                known: migrator.iter().map(|one| one.version).max().unwrap_or(0),
            },
            sqlx::migrate::MigrateError::Execute(cause) => cause.into(),
            other => Error::Migration(other),
        })
    }

    /// Empties `SQLite`'s log into the database; whether nobody was in the way. PostgreSQL sees to its own.
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

/// A full disk ends a transaction without anybody asking, and so does a commit that cannot be made durable; then the
/// driver's own rollback fails, and the connection believes for ever that it is in a transaction. It is closed, and
/// another takes its place (docs/decisions/after-a-failed-fsync.md).
fn is_stuck(connection: &SqliteConnection) -> bool {
    connection.is_in_transaction()
}

fn pool(size: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(size)
        .min_connections(1)
        .acquire_timeout(BUSY_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

/// The address without what may be a password.
fn redacted(address: &str) -> String {
    match (address.find("://"), address.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            format!("{}://…{}", &address[..scheme], &address[at..])
        }
        _ => address.to_owned(),
    }
}

#[derive(Debug)]
enum Connection {
    Sqlite(PoolConnection<Sqlite>),
    SqliteTx(Transaction<'static, Sqlite>),
    Postgres(PoolConnection<Postgres>),
    PostgresTx(Transaction<'static, Postgres>),
}

/// A connection to ask. Every query function takes one; a [`Tx`] serves as one.
#[derive(Debug)]
pub struct Session(Connection);

/// A transaction. Dropped without [`Tx::commit`], it never happened.
#[derive(Debug)]
pub struct Tx(Session);

impl Deref for Tx {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.0
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Session {
        &mut self.0
    }
}

impl Tx {
    /// From now on what this process removes or replaces is overwritten in the database's file. PostgreSQL does so when
    /// it vacuums.
    pub async fn enable_secure_delete(&mut self) -> Result<(), Error> {
        if self.kind() == Kind::Sqlite {
            self.fetch_all("PRAGMA secure_delete = ON", vec![]).await?;
        }
        Ok(())
    }

    /// Makes all that was done durable: once this returns, no crash undoes it.
    pub async fn commit(self) -> Result<(), Error> {
        match self.0.0 {
            Connection::SqliteTx(tx) => tx.commit().await?,
            Connection::PostgresTx(tx) => tx.commit().await?,
            Connection::Sqlite(_) | Connection::Postgres(_) => {
                unreachable!("a Tx is made by begin")
            }
        }
        Ok(())
    }

    /// Undoes all that was done; dropping does the same a little later.
    pub async fn roll_back(self) -> Result<(), Error> {
        match self.0.0 {
            Connection::SqliteTx(tx) => tx.rollback().await?,
            Connection::PostgresTx(tx) => tx.rollback().await?,
            Connection::Sqlite(_) | Connection::Postgres(_) => {
                unreachable!("a Tx is made by begin")
            }
        }
        Ok(())
    }
}

impl Session {
    /// Which database this is, for the few places where the accent matters.
    pub(crate) const fn kind(&self) -> Kind {
        match &self.0 {
            Connection::Sqlite(_) | Connection::SqliteTx(_) => Kind::Sqlite,
            Connection::Postgres(_) | Connection::PostgresTx(_) => Kind::Postgres,
        }
    }

    /// Runs a statement; the number of rows that it touched.
    pub(crate) async fn execute(
        &mut self,
        sql: impl Into<Sql>,
        args: Vec<Arg>,
    ) -> Result<u64, Error> {
        let sql = sql.into().0;
        Ok(match &mut self.0 {
            Connection::Sqlite(c) => sqlx::query_with(sql, sqlite(&args)?)
                .execute(&mut **c)
                .await?
                .rows_affected(),
            Connection::SqliteTx(c) => sqlx::query_with(sql, sqlite(&args)?)
                .execute(&mut **c)
                .await?
                .rows_affected(),
            Connection::Postgres(c) => sqlx::query_with(sql, postgres(args)?)
                .execute(&mut **c)
                .await?
                .rows_affected(),
            Connection::PostgresTx(c) => sqlx::query_with(sql, postgres(args)?)
                .execute(&mut **c)
                .await?
                .rows_affected(),
        })
    }

    /// Every row that a query finds.
    pub(crate) async fn fetch_all(
        &mut self,
        sql: impl Into<Sql>,
        args: Vec<Arg>,
    ) -> Result<Vec<Row>, Error> {
        let sql = sql.into().0;
        Ok(match &mut self.0 {
            Connection::Sqlite(c) => Row::all_sqlite(
                sqlx::query_with(sql, sqlite(&args)?)
                    .fetch_all(&mut **c)
                    .await?,
            ),
            Connection::SqliteTx(c) => Row::all_sqlite(
                sqlx::query_with(sql, sqlite(&args)?)
                    .fetch_all(&mut **c)
                    .await?,
            ),
            Connection::Postgres(c) => Row::all_postgres(
                sqlx::query_with(sql, postgres(args)?)
                    .fetch_all(&mut **c)
                    .await?,
            ),
            Connection::PostgresTx(c) => Row::all_postgres(
                sqlx::query_with(sql, postgres(args)?)
                    .fetch_all(&mut **c)
                    .await?,
            ),
        })
    }

    /// The first row that a query finds, if any.
    pub(crate) async fn fetch_optional(
        &mut self,
        sql: impl Into<Sql>,
        args: Vec<Arg>,
    ) -> Result<Option<Row>, Error> {
        Ok(self.fetch_all(sql, args).await?.into_iter().next())
    }

    /// Puts many rows into a table at once, passing over those whose key is there; how many were put.
    /// PostgreSQL is given one array a column, `SQLite` many rows a statement: each is its fastest way.
    pub(crate) async fn insert_rows<'a>(
        &mut self,
        table: &Table,
        rows: impl ExactSizeIterator<Item = &'a [Arg]> + Send,
    ) -> Result<u64, Error> {
        match self.kind() {
            Kind::Postgres => self.insert_columns(table, rows).await,
            Kind::Sqlite => self.insert_values(table, rows).await,
        }
    }

    async fn insert_values<'a>(
        &mut self,
        table: &Table,
        mut rows: impl ExactSizeIterator<Item = &'a [Arg]> + Send,
    ) -> Result<u64, Error> {
        let mut inserted = 0;
        while rows.len() > 0 {
            let power = rows.len().ilog2().min(MOST_ROWS_AT_ONCE);
            let mut arguments = SqliteArguments::default();
            for arg in rows.by_ref().take(1 << power).flatten() {
                add_sqlite(&mut arguments, arg).map_err(sqlx::Error::Encode)?;
            }
            let query = sqlx::query_with(AssertSqlSafe(table.values_statement(power)), arguments);
            inserted += match &mut self.0 {
                Connection::SqliteTx(c) => query.execute(&mut **c).await?.rows_affected(),
                Connection::Sqlite(c) => query.execute(&mut **c).await?.rows_affected(),
                Connection::Postgres(_) | Connection::PostgresTx(_) => {
                    unreachable!("PostgreSQL takes arrays")
                }
            };
        }
        Ok(inserted)
    }

    async fn insert_columns<'a>(
        &mut self,
        table: &Table,
        rows: impl ExactSizeIterator<Item = &'a [Arg]> + Send,
    ) -> Result<u64, Error> {
        if rows.len() == 0 {
            return Ok(0);
        }
        let mut columns: Vec<Vec<&Arg>> = table
            .columns
            .iter()
            .map(|_| Vec::with_capacity(rows.len()))
            .collect();
        for row in rows {
            for (column, arg) in columns.iter_mut().zip(row) {
                column.push(arg);
            }
        }
        let mut arguments = PgArguments::default();
        for ((_, kind), column) in table.columns.iter().zip(columns) {
            add_array(&mut arguments, *kind, &column).map_err(sqlx::Error::Encode)?;
        }
        let query = sqlx::query_with(AssertSqlSafe(table.unnest_statement()), arguments);
        Ok(match &mut self.0 {
            Connection::PostgresTx(c) => query.execute(&mut **c).await?.rows_affected(),
            Connection::Postgres(c) => query.execute(&mut **c).await?.rows_affected(),
            Connection::Sqlite(_) | Connection::SqliteTx(_) => {
                unreachable!("only PostgreSQL takes arrays")
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn writing_goes_on_once_a_full_disk_has_room_again() {
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
