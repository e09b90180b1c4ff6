//! Connections and transactions, with the three ways to run a statement.

use std::ops::{ControlFlow, Deref, DerefMut};

use futures::{Stream, TryStreamExt as _};
use sqlx::{PgConnection, SqliteConnection};

use super::{
    Arg, Kind, Row,
    args::{Sql, postgres, sqlite},
    lease::{Lease, within},
};
use crate::Error;

/// With or without a transaction.
#[derive(Debug)]
pub(super) enum Connection {
    Sqlite(Lease<SqliteConnection>),
    Postgres(Lease<PgConnection>),
}

/// Connection for reading. Every query function takes one; a [`Tx`] derefs to one.
#[derive(Debug)]
pub struct Session(pub(super) Connection);

/// Transaction. Dropping it without [`Tx::commit`] rolls it back.
#[derive(Debug)]
pub struct Tx(pub(super) Session);

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
    /// Makes SQLite overwrite deleted and replaced content in the database file from now on. PostgreSQL does so when it
    /// vacuums.
    pub async fn enable_secure_delete(&mut self) -> Result<(), Error> {
        if self.kind() == Kind::Sqlite {
            // The pragma answers with its new value, so it is fetched rather than executed.
            self.fetch_optional("PRAGMA secure_delete = ON", vec![])
                .await?;
        }
        Ok(())
    }

    /// Commits the transaction. When this returns, its changes survive a crash.
    pub async fn commit(self) -> Result<(), Error> {
        match self.0.0 {
            Connection::Sqlite(lease) => lease.commit().await,
            Connection::Postgres(lease) => lease.commit().await,
        }
    }

    /// Rolls the transaction back; dropping it does the same a little later.
    pub async fn roll_back(self) -> Result<(), Error> {
        match self.0.0 {
            Connection::Sqlite(lease) => lease.roll_back().await,
            Connection::Postgres(lease) => lease.roll_back().await,
        }
    }
}

/// Runs a statement by a method of `sqlx::Query` on whichever connection it is, and converts the result.
macro_rules! run {
    ($session:ident, $sql:expr, $args:expr, $method:ident, $from_sqlite:expr, $from_postgres:expr) => {{
        let sql = $sql.into().0;
        match &mut $session.0 {
            Connection::Sqlite(lease) => {
                let query = sqlx::query_with(sql, sqlite($args)?);
                let (connection, limit) = lease.start();
                let result = within(limit, query.$method(connection)).await;
                $from_sqlite(lease.finish(result)?)
            }
            Connection::Postgres(lease) => {
                let query = sqlx::query_with(sql, postgres($args)?);
                let (connection, limit) = lease.start();
                let result = within(limit, query.$method(connection)).await;
                $from_postgres(lease.finish(result)?)
            }
        }
    }};
}

impl Session {
    /// Returns which database this is.
    pub(crate) const fn kind(&self) -> Kind {
        match &self.0 {
            Connection::Sqlite(_) => Kind::Sqlite,
            Connection::Postgres(_) => Kind::Postgres,
        }
    }

    /// Lets the next statements take minutes, because they read a part of the database that grows with its use. Others
    /// are given up after seconds: then the network has failed rather than the statement been slow.
    pub(crate) fn allow_long_statements(&mut self) {
        if let Connection::Postgres(lease) = &mut self.0 {
            lease.allow_long_statements();
        }
    }

    /// Runs a statement and returns the number of affected rows.
    pub(crate) async fn execute(
        &mut self,
        sql: impl Into<Sql>,
        args: Vec<Arg>,
    ) -> Result<u64, Error> {
        Ok(run!(
            self,
            sql,
            args,
            execute,
            |result: sqlx::sqlite::SqliteQueryResult| result.rows_affected(),
            |result: sqlx::postgres::PgQueryResult| result.rows_affected()
        ))
    }

    /// Returns all rows of a query.
    pub(crate) async fn fetch_all(
        &mut self,
        sql: impl Into<Sql>,
        args: Vec<Arg>,
    ) -> Result<Vec<Row>, Error> {
        Ok(run!(
            self,
            sql,
            args,
            fetch_all,
            Row::all_sqlite,
            Row::all_postgres
        ))
    }

    /// Returns the row of a query that finds at most one: it looks up a key, aggregates, or says `LIMIT 1`.
    ///
    /// SQLite stops after the first row. PostgreSQL would send all of them, which is why the query itself must not find
    /// more than one.
    pub(crate) async fn fetch_optional(
        &mut self,
        sql: impl Into<Sql>,
        args: Vec<Arg>,
    ) -> Result<Option<Row>, Error> {
        Ok(run!(
            self,
            sql,
            args,
            fetch_optional,
            |row: Option<_>| row.map(Row::Sqlite),
            |row: Option<_>| row.map(Row::Postgres)
        ))
    }

    /// Passes each row of a query to `take` as it arrives, until `take` breaks, so that what a query returns need not be
    /// in memory as a whole.
    pub(crate) async fn fetch_until(
        &mut self,
        sql: impl Into<Sql>,
        args: Vec<Arg>,
        mut take: impl FnMut(Row) -> Result<ControlFlow<()>, Error> + Send,
    ) -> Result<(), Error> {
        let sql = sql.into().0;
        let passed = match &mut self.0 {
            Connection::Sqlite(lease) => {
                let query = sqlx::query_with(sql, sqlite(args)?);
                let (connection, limit) = lease.start();
                let passed = pass_rows(query.fetch(connection), |row| take(Row::Sqlite(row)));
                let passed = within(limit, passed).await;
                let passed = lease.finish(passed)?;
                if !matches!(passed, Ok(Passed::All)) {
                    lease.leave_unread();
                }
                passed
            }
            Connection::Postgres(lease) => {
                let query = sqlx::query_with(sql, postgres(args)?);
                let (connection, limit) = lease.start();
                let passed = pass_rows(query.fetch(connection), |row| take(Row::Postgres(row)));
                let passed = within(limit, passed).await;
                let passed = lease.finish(passed)?;
                if !matches!(passed, Ok(Passed::All)) {
                    lease.leave_unread();
                }
                passed
            }
        };
        passed.map(|_| ())
    }
}

/// Which rows of a statement were read.
enum Passed {
    All,
    Some,
}

/// Passes rows on until `take` breaks. The outer error is the database's, the inner one that of `take`.
async fn pass_rows<R>(
    mut rows: impl Stream<Item = Result<R, sqlx::Error>> + Unpin,
    mut take: impl FnMut(R) -> Result<ControlFlow<()>, Error>,
) -> Result<Result<Passed, Error>, sqlx::Error> {
    while let Some(row) = rows.try_next().await? {
        match take(row) {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => return Ok(Ok(Passed::Some)),
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(Passed::All))
}
