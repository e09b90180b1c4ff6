//! Tables that many rows are put into at once, and the two statements that do it.

use std::sync::{Arc, OnceLock};

/// Rows are put by powers of two, at most this one: few statements to prepare, each used again and again.
pub(super) const MOST_ROWS_AT_ONCE: u32 = 7;

/// A table to put rows into: its name, its columns and their types. Its statements are put together once.
#[derive(Debug)]
pub(crate) struct Table {
    name: &'static str,
    pub(super) columns: &'static [(&'static str, ColumnType)],
    values: [OnceLock<Arc<str>>; MOST_ROWS_AT_ONCE as usize + 1],
    unnest: OnceLock<Arc<str>>,
}

/// The type of a column, as far as arguments go.
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
    const fn in_postgres(self) -> &'static str {
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

impl Table {
    pub(crate) const fn new(
        name: &'static str,
        columns: &'static [(&'static str, ColumnType)],
    ) -> Self {
        Self {
            name,
            columns,
            values: [const { OnceLock::new() }; 8],
            unnest: OnceLock::new(),
        }
    }

    fn column_names(&self) -> String {
        self.columns
            .iter()
            .map(|(name, _)| *name)
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// The statement for `1 << power` rows.
    pub(super) fn values_statement(&self, power: u32) -> Arc<str> {
        let made = self.values[power as usize].get_or_init(|| {
            let row = format!("({})", vec!["?"; self.columns.len()].join(", "));
            let values = vec![row.as_str(); 1 << power].join(", ");
            let (name, columns) = (self.name, self.column_names());
            format!("INSERT INTO {name} ({columns}) VALUES {values} ON CONFLICT DO NOTHING").into()
        });
        made.clone()
    }

    pub(super) fn unnest_statement(&self) -> Arc<str> {
        let made = self.unnest.get_or_init(|| {
            let array = |(index, (_, kind)): (usize, &(&str, ColumnType))| {
                format!("${}::{}[]", index + 1, kind.in_postgres())
            };
            let arrays: Vec<String> = self.columns.iter().enumerate().map(array).collect();
            let (name, columns, arrays) = (self.name, self.column_names(), arrays.join(", "));
            format!("INSERT INTO {name} ({columns}) SELECT * FROM UNNEST({arrays}) ON CONFLICT DO NOTHING").into()
        });
        made.clone()
    }
}
