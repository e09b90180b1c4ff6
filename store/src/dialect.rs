//! The few places where the two databases speak with different accents, each with a name.

use domain::NotificationId;

use crate::{Kind, db::Arg};

impl Kind {
    /// Passes over rows that another transaction is taking. `SQLite` has one writer, so no row is ever being taken.
    pub(crate) const fn skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => "FOR UPDATE SKIP LOCKED",
        }
    }

    /// Keeps the rows from being changed by another transaction until this one ends. `SQLite` has one writer.
    pub(crate) const fn for_update(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => "FOR NO KEY UPDATE",
        }
    }

    /// Days are kept apart, so that look-ups prune and retention drops them whole.
    pub(crate) const fn has_partitions(self) -> bool {
        matches!(self, Self::Postgres)
    }

    /// A further condition that lets PostgreSQL leave out the days in which none of `ids` lies. `SQLite` has one table,
    /// and the condition would only tempt it to walk the range.
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
