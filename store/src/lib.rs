//! The only room that knows SQL. One text serves `SQLite` and PostgreSQL; `db` is the only module that names a
//! driver and `dialect.rs` names the few differences.
//!
//! A query is a free function named for what comes back. It takes a [`Session`] to read and a [`Tx`] to write; what
//! belongs to a service takes the service's id first, so that forgetting it does not compile. A status changes only
//! by a compare-and-set whose condition comes from `domain`.

pub mod api_keys;
pub mod callbacks;
pub mod connections;
pub mod contact_lists;
pub mod counters;
mod db;
mod defaults;
pub mod despatches;
mod dialect;
pub mod documents;
mod error;
pub mod folders;
pub mod guests;
pub mod history;
pub mod idempotency_keys;
pub mod inbound_numbers;
pub mod inbound_sms;
pub mod jobs;
mod keyring;
pub mod letter_contacts;
pub mod members;
mod migrations;
pub mod named_locks;
pub mod notifications;
pub mod organisations;
pub mod partitions;
pub mod rates;
mod reencryption;
pub mod retention;
pub mod returned_letters;
pub mod senders;
pub mod services;
pub mod spreadsheets;
pub mod tasks;
pub mod template_files;
pub mod templates;
pub mod unsubscribe_requests;
pub mod users;

pub use db::{Kind, Session, Tx};
pub use error::Error;
pub use keyring::{Keyring, KeyringError};

/// The database of an installation and the keys that seal what is personal in it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    db: db::Db,
    vault: Keyring,
}

impl Store {
    /// Opens `sqlite:<path>` (made if it is not there) or `postgres://…` with at most `connections` connections.
    /// Nothing is migrated yet.
    pub async fn connect(address: &str, connections: u32, vault: Keyring) -> Result<Self, Error> {
        Ok(Self {
            db: db::Db::connect(address, connections).await?,
            vault,
        })
    }

    /// Brings the tables up to date. Harmless when they are; refuses a database that a newer version has written.
    pub async fn migrate(&self) -> Result<(), Error> {
        self.db
            .migrate(match self.kind() {
                Kind::Sqlite => &migrations::SQLITE,
                Kind::Postgres => &migrations::POSTGRES,
            })
            .await
    }

    /// A connection to read from. On `SQLite` it cannot write.
    pub async fn read(&self) -> Result<Session, Error> {
        self.db.read().await
    }

    /// A transaction to write in. Hold it shortly, and never while the outside is spoken to.
    pub async fn write(&self) -> Result<Tx, Error> {
        self.db.begin().await
    }

    /// The keys.
    pub const fn keyring(&self) -> &Keyring {
        &self.vault
    }

    /// Which database it is.
    pub const fn kind(&self) -> Kind {
        self.db.kind()
    }

    /// Leaves nothing of what was erased in a log beside the database; whether nobody was in the way. On PostgreSQL the
    /// log is the server's.
    pub async fn checkpoint_wal(&self) -> Result<bool, Error> {
        self.db.checkpoint_wal().await
    }

    /// Closes every connection, once those in use have come back.
    pub async fn close(&self) {
        self.db.close().await;
    }
}

/// The newest migration that the database has had.
pub async fn applied_schema_version(session: &mut Session) -> Result<Option<i64>, Error> {
    let row = session
        .fetch_optional(
            "SELECT max(version) AS version FROM _sqlx_migrations",
            vec![],
        )
        .await?;
    row.map_or(Ok(None), |row| row.get("version"))
}

/// The newest migration that this program knows.
pub fn schema_version() -> i64 {
    migrations::SQLITE
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0)
}
