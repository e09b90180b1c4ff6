//! Insertion of rows into a [`Table`].

use sqlx::{AssertSqlSafe, postgres::PgArguments, sqlite::SqliteArguments};

use super::{
    Connection, Kind, Session, Table,
    args::{add_array, add_sqlite},
    table::MAX_ROWS_LOG2,
};
use crate::Error;

impl Session {
    /// Inserts one row. Fails with [`Error::Exists`] if its key exists.
    pub(crate) async fn insert_row<R: Sync>(
        &mut self,
        table: &Table<R>,
        row: &R,
    ) -> Result<(), Error> {
        let args = table.args(row).collect();
        self.execute(table.insert_statement().to_string(), args)
            .await?;
        Ok(())
    }

    /// Inserts many rows, skipping those whose key exists. Returns how many were inserted.
    ///
    /// PostgreSQL gets one array per column, SQLite many rows per statement: each is the fastest way for that
    /// database.
    pub(crate) async fn insert_rows<R: Sync>(
        &mut self,
        table: &Table<R>,
        rows: &[R],
    ) -> Result<u64, Error> {
        match self.kind() {
            Kind::Postgres => self.insert_columns(table, rows).await,
            Kind::Sqlite => self.insert_values(table, rows).await,
        }
    }

    async fn insert_values<R: Sync>(
        &mut self,
        table: &Table<R>,
        mut rows: &[R],
    ) -> Result<u64, Error> {
        let mut inserted = 0;
        while !rows.is_empty() {
            let rows_log2 = rows.len().ilog2().min(MAX_ROWS_LOG2);
            let (batch, rest) = rows.split_at(1 << rows_log2);
            rows = rest;
            let mut arguments = SqliteArguments::default();
            for arg in batch.iter().flat_map(|row| table.args(row)) {
                add_sqlite(&mut arguments, arg).map_err(sqlx::Error::Encode)?;
            }
            let statement = AssertSqlSafe(table.values_statement(rows_log2));
            let query = sqlx::query_with(statement, arguments);
            inserted += match &mut self.0 {
                Connection::SqliteTx(c) => query.execute(&mut **c).await?.rows_affected(),
                Connection::Sqlite(c) => query.execute(&mut **c).await?.rows_affected(),
                Connection::Postgres(_) => {
                    unreachable!("PostgreSQL takes arrays")
                }
            };
        }
        Ok(inserted)
    }

    async fn insert_columns<R: Sync>(
        &mut self,
        table: &Table<R>,
        rows: &[R],
    ) -> Result<u64, Error> {
        if rows.is_empty() {
            return Ok(0);
        }
        let mut arguments = PgArguments::default();
        for column in table.columns {
            let values = rows.iter().map(|row| (column.value)(row));
            add_array(&mut arguments, column.kind, values).map_err(sqlx::Error::Encode)?;
        }
        let query = sqlx::query_with(AssertSqlSafe(table.unnest_statement()), arguments);
        let Connection::Postgres(lease) = &mut self.0 else {
            unreachable!("only PostgreSQL takes arrays")
        };
        let limit = lease.statement_limit;
        let result = tokio::time::timeout(limit, query.execute(lease.connection())).await;
        Ok(lease.check(result)?.rows_affected())
    }
}
