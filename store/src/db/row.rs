//! Rows of a query result, and the types that their columns can be read as.

use std::str::FromStr;

use domain::Timestamp;
use sqlx::{Row as _, postgres::PgRow, sqlite::SqliteRow};
use uuid::Uuid;

use super::args::Moment;
use crate::Error;

/// Row of a query result.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    pub(super) fn all_sqlite(rows: Vec<SqliteRow>) -> Vec<Self> {
        rows.into_iter().map(Self::Sqlite).collect()
    }

    pub(super) fn all_postgres(rows: Vec<PgRow>) -> Vec<Self> {
        rows.into_iter().map(Self::Postgres).collect()
    }

    /// Returns the value of a column.
    pub(crate) fn get<T: Stored>(&self, column: &'static str) -> Result<T, Error> {
        T::from_row(self, column).map_err(Error::from)
    }

    /// Parses a text column, for example as an enum of `domain`.
    pub(crate) fn parse<T>(&self, table: &'static str, column: &'static str) -> Result<T, Error>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        let text: String = self.get(column)?;
        text.parse().map_err(|error: T::Err| Error::Corrupt {
            table,
            column,
            what: error.to_string(),
        })
    }

    /// Parses a text column that may be null.
    pub(crate) fn parse_optional<T>(
        &self,
        table: &'static str,
        column: &'static str,
    ) -> Result<Option<T>, Error>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        match self.get::<Option<String>>(column)? {
            Some(_) => self.parse(table, column).map(Some),
            None => Ok(None),
        }
    }

    /// Returns the value of an integer column that is never negative and fits `u32`.
    pub(crate) fn get_u32(&self, table: &'static str, column: &'static str) -> Result<u32, Error> {
        to_u32(self.get(column)?, table, column)
    }

    /// Returns the value of such a column that may be null.
    pub(crate) fn get_optional_u32(
        &self,
        table: &'static str,
        column: &'static str,
    ) -> Result<Option<u32>, Error> {
        let number: Option<i64> = self.get(column)?;
        number
            .map(|number| to_u32(number, table, column))
            .transpose()
    }
}

fn to_u32(number: i64, table: &'static str, column: &'static str) -> Result<u32, Error> {
    u32::try_from(number).map_err(|_| Error::Corrupt {
        table,
        column,
        what: format!("{number} is out of range"),
    })
}

/// Type that a column can be read as.
pub(crate) trait Stored: Sized {
    fn from_row(row: &Row, column: &'static str) -> Result<Self, sqlx::Error>;
}

macro_rules! stored {
    ($($type:ty),+) => {
        $(impl Stored for $type {
            fn from_row(row: &Row, column: &'static str) -> Result<Self, sqlx::Error> {
                match row {
                    // SQLite has no time type; it stores the microseconds.
                    Row::Sqlite(row) => row.try_get(column),
                    Row::Postgres(row) => row.try_get(column),
                }
            }
        })+
    };
}

stored!(
    bool,
    Option<bool>,
    i64,
    Option<i64>,
    String,
    Option<String>,
    Vec<u8>,
    Uuid,
    Option<Uuid>
);

impl Stored for Timestamp {
    fn from_row(row: &Row, column: &'static str) -> Result<Self, sqlx::Error> {
        match row {
            Row::Sqlite(row) => row.try_get(column).map(Self::from_unix_micros),
            Row::Postgres(row) => row.try_get::<Moment, _>(column).map(|moment| moment.0),
        }
    }
}

impl Stored for Option<Timestamp> {
    fn from_row(row: &Row, column: &'static str) -> Result<Self, sqlx::Error> {
        match row {
            Row::Sqlite(row) => row
                .try_get::<Option<i64>, _>(column)
                .map(|micros| micros.map(Timestamp::from_unix_micros)),
            Row::Postgres(row) => row
                .try_get::<Option<Moment>, _>(column)
                .map(|moment| moment.map(|moment| moment.0)),
        }
    }
}

macro_rules! stored_ids {
    ($($id:ident)+) => {
        $(impl Stored for domain::$id {
            fn from_row(row: &Row, column: &'static str) -> Result<Self, sqlx::Error> {
                Uuid::from_row(row, column).map(Self::from)
            }
        }
        impl Stored for Option<domain::$id> {
            fn from_row(row: &Row, column: &'static str) -> Result<Self, sqlx::Error> {
                Ok(Option::<Uuid>::from_row(row, column)?.map(domain::$id::from))
            }
        })+
    };
}

for_every_id!(stored_ids);
