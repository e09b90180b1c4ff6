//! Insertion of rows into a [`Table`].

use sqlx::{AssertSqlSafe, postgres::PgArguments, sqlite::SqliteArguments};

use super::{
    Connection, Kind, Session, Table,
    args::{add_array, add_sqlite},
    lease::within,
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
    /// database. The table has a primary key.
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
        let (mut inserted, mut is_first) = (0, true);
        while !rows.is_empty() {
            let rows_log2 = if is_first {
                rows.len().ilog2()
            } else {
                // The rest in one statement rather than in several smaller ones: each costs more than some rows.
                rows.len().next_power_of_two().ilog2()
            };
            is_first = false;
            let rows_log2 = rows_log2.min(MAX_ROWS_LOG2);
            let (batch, rest) = rows.split_at(rows.len().min(1 << rows_log2));
            rows = rest;
            let mut arguments = SqliteArguments::default();
            // The last row again in what is left over: its key exists, so it is skipped.
            let last = batch.iter().rev().take(1).cycle();
            let padded = batch.iter().chain(last).take(1 << rows_log2);
            for arg in padded.flat_map(|row| table.args(row)) {
                add_sqlite(&mut arguments, arg).map_err(sqlx::Error::Encode)?;
            }
            let statement = AssertSqlSafe(table.values_statement(rows_log2));
            let query = sqlx::query_with(statement, arguments);
            let Connection::Sqlite(lease) = &mut self.0 else {
                unreachable!("PostgreSQL takes arrays")
            };
            let (connection, limit) = lease.start();
            let result = within(limit, query.execute(connection)).await;
            inserted += lease.finish(result)?.rows_affected();
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
        let (connection, limit) = lease.start();
        let result = within(limit, query.execute(connection)).await;
        Ok(lease.finish(result)?.rows_affected())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Db, columns, sqlite};

    static NUMBERS: Table<i64> = Table::new("numbers", columns![number => number: Int = *number,]);

    #[tokio::test]
    async fn any_number_of_rows_is_inserted_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("numbers.db");
        let db = Db::Sqlite(sqlite::open(&path).await.unwrap());
        let mut next = 0;
        let mut tx = db.begin().await.unwrap();
        tx.execute("CREATE TABLE numbers (number INTEGER PRIMARY KEY)", vec![])
            .await
            .unwrap();
        for count in [0, 1, 2, 3, 7, 21, 128, 129, 200, 391] {
            let rows: Vec<i64> = (next..next + count).collect();
            next += count;
            let inserted = tx.insert_rows(&NUMBERS, &rows).await.unwrap();
            assert_eq!(i64::try_from(inserted).unwrap(), count);
        }
        let row = tx
            .fetch_optional("SELECT count(*) AS count FROM numbers", vec![])
            .await
            .unwrap();
        assert_eq!(row.unwrap().get::<i64>("count").unwrap(), next);
    }
}
