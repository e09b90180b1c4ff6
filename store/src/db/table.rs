//! Tables that rows are inserted into. A column is defined once: its name, its type, and the value that it takes from a
//! row; no statement binds values by their position in a list.

use std::sync::{Arc, OnceLock};

use super::Arg;

/// Binary logarithm of the most rows that one statement inserts on SQLite. Rows are inserted in powers of two, so that
/// only a few statements need preparing and each is used again and again.
pub(super) const MAX_ROWS_LOG2: u32 = 7;

/// A table that rows of type `R` are inserted into. Its statements are assembled once.
pub(crate) struct Table<R: 'static> {
    name: &'static str,
    pub(super) columns: &'static [Column<R>],
    values: [OnceLock<Arc<str>>; MAX_ROWS_LOG2 as usize + 1],
    unnest: OnceLock<Arc<str>>,
    insert: OnceLock<Arc<str>>,
}

/// A column of a [`Table`].
pub(crate) struct Column<R> {
    pub(crate) name: &'static str,
    pub(crate) kind: ColumnType,
    pub(crate) value: fn(&R) -> Arg,
}

/// Defines the columns of a table: `columns![row => name: Type = value, …]`.
macro_rules! columns {
    ($row:ident => $($name:ident: $type:ident = $value:expr,)+) => {
        &[$($crate::db::Column {
            name: stringify!($name),
            kind: $crate::db::ColumnType::$type,
            value: |$row| {
                // A column with a constant value ignores the row.
                let _ = $row;
                $crate::db::Arg::from($value)
            },
        },)+]
    };
}
pub(crate) use columns;

/// Type of a column.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ColumnType {
    Bool,
    Int,
    Text,
    Bytes,
    Id,
    Time,
}

impl ColumnType {
    pub(super) const fn in_postgres(self) -> &'static str {
        match self {
            Self::Bool => "boolean",
            Self::Int => "bigint",
            Self::Text => "text",
            Self::Bytes => "bytea",
            Self::Id => "uuid",
            Self::Time => "timestamptz",
        }
    }
}

impl<R> Table<R> {
    pub(crate) const fn new(name: &'static str, columns: &'static [Column<R>]) -> Self {
        Self {
            name,
            columns,
            values: [const { OnceLock::new() }; MAX_ROWS_LOG2 as usize + 1],
            unnest: OnceLock::new(),
            insert: OnceLock::new(),
        }
    }

    /// Returns the values of a row in the order of the columns.
    pub(super) fn args<'a>(&'a self, row: &'a R) -> impl Iterator<Item = Arg> + 'a {
        self.columns.iter().map(move |column| (column.value)(row))
    }

    fn column_names(&self) -> String {
        let names: Vec<_> = self.columns.iter().map(|column| column.name).collect();
        names.join(", ")
    }

    /// Returns the statement that inserts one row and fails if its key exists.
    pub(super) fn insert_statement(&self) -> Arc<str> {
        let statement = self.insert.get_or_init(|| {
            let (name, columns) = (self.name, self.column_names());
            let values = super::parameters(1, self.columns.len());
            format!("INSERT INTO {name} ({columns}) VALUES ({values})").into()
        });
        statement.clone()
    }

    /// Returns the statement that inserts `1 << rows_log2` rows.
    pub(super) fn values_statement(&self, rows_log2: u32) -> Arc<str> {
        let statement = self.values[rows_log2 as usize].get_or_init(|| {
            let row = format!("({})", vec!["?"; self.columns.len()].join(", "));
            let values = vec![row.as_str(); 1 << rows_log2].join(", ");
            let (name, columns) = (self.name, self.column_names());
            format!("INSERT INTO {name} ({columns}) VALUES {values} ON CONFLICT DO NOTHING").into()
        });
        statement.clone()
    }

    /// Returns the statement that inserts any number of rows given as one array for each column.
    pub(super) fn unnest_statement(&self) -> Arc<str> {
        let statement = self.unnest.get_or_init(|| {
            let array = |(index, column): (usize, &Column<R>)| {
                format!("${}::{}[]", index + 1, column.kind.in_postgres())
            };
            let arrays: Vec<String> = self.columns.iter().enumerate().map(array).collect();
            let (name, columns, arrays) = (self.name, self.column_names(), arrays.join(", "));
            format!("INSERT INTO {name} ({columns}) SELECT * FROM UNNEST({arrays}) ON CONFLICT DO NOTHING").into()
        });
        statement.clone()
    }
}
