/// Error of a store operation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database did not answer, refused the connection or went away. A later attempt may succeed.
    #[error("the database is not available{}", operator_hint(.0))]
    Unavailable(#[source] sqlx::Error),
    /// The database rejected the statement: a bug, or data that breaks an assumption.
    #[error("the database refused a statement")]
    Refused(#[source] sqlx::Error),
    /// A row with this key exists already.
    #[error("it exists already")]
    Exists,
    /// A column does not hold what it should.
    #[error("corrupt data in {table}.{column}: {what}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// Sealed data could not be opened or sealed.
    #[error(transparent)]
    Keyring(#[from] crate::keyring::KeyringError),
    /// The keyring is not the one that the data of this database is sealed with.
    #[error(
        "the encryption keys do not belong to this database: its data is sealed with other keys. Put back the key file \
         that belongs to it; processes that share a database share its keys, so copy the key file of the one that \
         started first"
    )]
    WrongKeyring,
    /// The database was migrated by a newer version of the program.
    #[error(
        "the database is of a newer version ({found}) than this program knows ({known}): \
         start the newer program, or restore the backup that was made before it"
    )]
    TooNew {
        /// The newest migration in the database.
        found: i64,
        /// The newest migration that this program has.
        known: i64,
    },
    /// A migration failed.
    #[error("the database could not be migrated")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// The address of the database is invalid.
    #[error("`{0}` is not a database address: use sqlite:<path> or postgres://user@host/name")]
    Address(String),
}

impl Error {
    /// Returns the error of a database that did not answer in time, or that is not asked because it did not a moment
    /// ago.
    pub const fn no_answer() -> Self {
        Self::Unavailable(sqlx::Error::PoolTimedOut)
    }

    /// Returns whether the same operation may succeed later.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// Returns whether another transaction held a lock for longer than the statement was willing to wait.
    pub fn is_lock_timeout(&self) -> bool {
        let Self::Refused(sqlx::Error::Database(refusal)) = self else {
            return false;
        };
        refusal.code().as_deref() == Some("55P03")
    }

    /// Returns whether a single unreadable row is the cause: without that row the same statement succeeds.
    pub const fn is_corrupt_row(&self) -> bool {
        matches!(
            self,
            Self::Corrupt { .. }
                | Self::Keyring(_)
                | Self::Refused(sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_))
        )
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            // First, because callers treat it as an answer rather than as a failure.
            sqlx::Error::Database(refusal) if refusal.is_unique_violation() => Self::Exists,
            sqlx::Error::Database(refusal) if is_transient_code(refusal.code().as_deref()) => {
                Self::Unavailable(error)
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            // A connection that was cut in the middle of a message.
            | sqlx::Error::Protocol(_) => Self::Unavailable(error),
            _ => Self::Refused(error),
        }
    }
}

/// Returns the part of the message that tells an operator what to do, where it is known.
fn operator_hint(error: &sqlx::Error) -> &'static str {
    let sqlx::Error::Database(refusal) = error else {
        return "";
    };
    let code = refusal.code();
    match (code.as_deref(), sqlite_code(code.as_deref())) {
        // The tests and the operators' manual know these two texts.
        (Some("53100"), _) | (_, Some(13)) => ": its disk is full",
        (Some("58030"), _) | (_, Some(10)) => ": its disk fails",
        (_, Some(8)) => ": its file system is read-only",
        (Some("25006"), _) => ": it is read-only, as a standby is, or while its disk is full",
        _ => "",
    }
}

/// Returns the primary result code of SQLite, or `None` if the code is PostgreSQL's.
fn sqlite_code(code: Option<&str>) -> Option<u32> {
    // PostgreSQL's codes have five characters, SQLite's numbers at most four.
    let code = code.filter(|code| code.len() < 5)?;
    // The low byte is the primary code; the rest refines it.
    code.parse::<u32>().ok().map(|number| number & 0xff)
}

/// Returns whether an error code stands for a transient error: SQLite's busy, locked, read-only, I/O error, full disk and
/// cannot-open (a file system becomes read-only when its disk fails, and is mounted again when it is mended); PostgreSQL's classes for connections, serialisation failures, exhausted resources, operator
/// intervention and system errors, and read-only (a standby that was a primary, before the address follows).
fn is_transient_code(code: Option<&str>) -> bool {
    if let Some(number) = sqlite_code(code) {
        return matches!(number, 5 | 6 | 8 | 10 | 13 | 14);
    }
    let Some(code) = code else { return false };
    ["08", "25006", "40", "53", "57", "58"]
        .iter()
        .any(|class| code.starts_with(class))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_postgresql_that_became_a_standby_is_transient() {
        assert!(is_transient_code(Some("25006")));
        // A statement in a transaction that has failed is a fault of ours.
        assert!(!is_transient_code(Some("25P02")));
    }

    #[test]
    fn a_disk_that_is_full_or_read_only_is_transient_for_sqlite() {
        // Refined codes hold the primary one in their low byte: 1032 is "read-only, the database was moved".
        for code in ["8", "776", "1032", "10", "778", "13", "14"] {
            assert!(is_transient_code(Some(code)), "{code}");
        }
        for code in ["1", "11", "19", "26"] {
            assert!(!is_transient_code(Some(code)), "{code}");
        }
    }
}
