//! Differences between the SQL of the two databases, each as a named function.

use domain::NotificationId;

use crate::{Kind, db::Arg};

impl Kind {
    /// Returns the clause that skips rows locked by another transaction. SQLite has a single writer, so no row is
    /// ever locked by another.
    pub(crate) const fn skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => "FOR UPDATE SKIP LOCKED",
        }
    }

    /// Returns the clause that locks the selected rows until the transaction ends. SQLite has a single writer.
    pub(crate) const fn for_update(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => "FOR NO KEY UPDATE",
        }
    }

    /// Returns an expression for the time in `column` plus the microseconds in a parameter.
    pub(crate) fn plus_micros(self, column: &str, parameter: usize) -> String {
        match self {
            Self::Sqlite => format!("{column} + ${parameter}"),
            Self::Postgres => format!("{column} + ${parameter} * interval '1 microsecond'"),
        }
    }

    /// Returns whether notifications are partitioned by day, so that look-ups prune partitions and retention drops
    /// whole days.
    pub(crate) const fn has_partitions(self) -> bool {
        matches!(self, Self::Postgres)
    }

    /// Returns a further condition that lets PostgreSQL prune the partitions that hold none of `ids`. Empty on
    /// SQLite, where the condition would only tempt the planner to walk the range.
    pub(crate) fn within(
        self,
        column: &str,
        ids: impl Iterator<Item = NotificationId> + Clone,
        args: &mut Vec<Arg>,
    ) -> String {
        let (Some(lowest), Some(highest), true) =
            (ids.clone().min(), ids.max(), self.has_partitions())
        else {
            return String::new();
        };
        args.push(lowest.into());
        args.push(highest.into());
        format!(
            " AND {column} BETWEEN ${} AND ${}",
            args.len() - 1,
            args.len()
        )
    }
}
