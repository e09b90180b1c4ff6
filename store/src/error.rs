/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database did not answer, refused, or went away. Trying again later may help.
    #[error("the database is not available{}", because(.0))]
    Unavailable(#[source] sqlx::Error),
    /// The database said no to the statement itself: a fault of ours, or a broken promise about the data.
    #[error("the database refused a statement")]
    Refused(#[source] sqlx::Error),
    /// A row with this key exists already.
    #[error("it exists already")]
    Exists,
    /// A row does not read as what it should be.
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
    Vault(#[from] crate::keyring::KeyringError),
    /// The database was written by a newer version of the program.
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
    /// The database could not be brought up to date.
    #[error("the database could not be migrated")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// The address of the database makes no sense.
    #[error("`{0}` is not a database address: use sqlite:<path> or postgres://user@host/name")]
    Address(String),
}

impl Error {
    /// Trying again, unchanged, may succeed.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// It is one row that cannot be read: without that row the same statement succeeds.
    pub const fn is_corrupt_row(&self) -> bool {
        matches!(
            self,
            Self::Corrupt { .. }
                | Self::Vault(_)
                | Self::Refused(sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_))
        )
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(refusal) if refusal.is_unique_violation() => Self::Exists,
            sqlx::Error::Database(refusal) if is_passing(refusal.code().as_deref()) => {
                Self::Unavailable(error)
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Protocol(_) => Self::Unavailable(error),
            _ => Self::Refused(error),
        }
    }
}

/// What an operator can do something about, in words: a full disk, a disk that fails.
fn because(error: &sqlx::Error) -> &'static str {
    let sqlx::Error::Database(refusal) = error else {
        return "";
    };
    let code = refusal.code();
    match (code.as_deref(), number_of(code.as_deref())) {
        (Some("53100"), _) | (_, Some(13)) => ": its disk is full",
        (Some("58030"), _) | (_, Some(10)) => ": its disk fails",
        _ => "",
    }
}

/// SQLite's number, without what extends it; PostgreSQL's codes have five characters.
fn number_of(code: Option<&str>) -> Option<u32> {
    let code = code.filter(|code| code.len() < 5)?;
    code.parse::<u32>().ok().map(|number| number & 0xff)
}

/// Codes of faults that pass: SQLite's busy, locked, I/O error, full disk and cannot-open; PostgreSQL's classes for
/// connection trouble, lost transactions, exhausted resources and operator intervention.
fn is_passing(code: Option<&str>) -> bool {
    if let Some(number) = number_of(code) {
        return matches!(number, 5 | 6 | 10 | 13 | 14);
    }
    let Some(code) = code else { return false };
    ["08", "40", "53", "57", "58"]
        .iter()
        .any(|class| code.starts_with(class))
}
