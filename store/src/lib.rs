//! Persistence in SQLite or PostgreSQL. This is the only crate that contains SQL. One text serves both databases:
//! `db` is the only module that uses a driver, and `dialect` names the few differences.
//!
//! A query is a free function named for its result: `find_…` returns an `Option`, `list_…` a page, `insert…`,
//! `update…`, `claim…` and `delete…` do what they say. It takes a [`Session`] to read or a [`Tx`] to write. Queries
//! on data of a service take the service id first, so that leaving it out does not compile. A status changes only by
//! a compare-and-set whose condition comes from `domain`.

pub mod api_keys;
pub mod attempts;
pub mod backup;
pub mod callbacks;
pub mod complaints;
pub mod connections;
pub mod contact_lists;
pub mod counters;
pub mod daily_sorted_letters;
pub mod database_state;
mod db;
mod defaults;
pub mod delivery_times;
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
pub mod keyring_canary;
pub mod letter_alarms;
pub mod letter_attachments;
pub mod letter_contacts;
pub mod letter_logos;
pub mod members;
mod migrations;
pub mod named_locks;
pub mod notifications;
pub mod organisations;
#[cfg(feature = "outages")]
mod outage;
pub mod partitions;
pub mod print_runs;
pub mod printed_letters;
pub mod provider_counters;
pub mod provider_credentials;
pub mod providers;
pub mod rates;
pub mod real_channels;
mod reencryption;
pub mod response_files;
pub mod retention;
pub mod returned_letters;
mod rows_of_job;
pub mod send_checks;
pub mod senders;
pub mod services;
pub mod spreadsheets;
pub mod status_facts;
pub mod stored_bytes;
pub mod suppressions;
pub mod tasks;
pub mod template_files;
pub mod templates;
pub mod unsubscribe_requests;
pub mod users;

pub use db::{Kind, Session, Tx};
pub use error::Error;
pub use keyring::{Keyring, KeyringError};
#[cfg(feature = "outages")]
pub use outage::Outage;

use std::path::Path;

/// Database of an installation, with the keys that seal personal data in it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    db: db::Db,
    keyring: Keyring,
    #[cfg(feature = "outages")]
    outage: Outage,
}

impl Store {
    /// Opens `sqlite:<path>`, which is created if it does not exist, or `postgres://…` with at most `connections`
    /// connections. Does not migrate.
    pub async fn connect(address: &str, connections: u32, keyring: Keyring) -> Result<Self, Error> {
        Ok(Self {
            db: db::Db::connect(address, connections).await?,
            keyring,
            #[cfg(feature = "outages")]
            outage: Outage::default(),
        })
    }

    /// Applies the pending migrations. Does nothing when there are none; refuses a database that a newer version has
    /// migrated.
    pub async fn migrate(&self) -> Result<(), Error> {
        self.db
            .migrate(match self.kind() {
                Kind::Sqlite => &migrations::SQLITE,
                Kind::Postgres => &migrations::POSTGRES,
            })
            .await
    }

    /// Checks that the keyring is the one that this database is sealed with, by opening a canary row. Fails with
    /// [`Error::WrongKeyring`]. Call it after [`Store::migrate`].
    pub async fn check_keyring(&self) -> Result<(), Error> {
        keyring_canary::check(self).await
    }

    /// Returns a connection for reading. SQLite rejects writes on it.
    pub async fn read(&self) -> Result<Session, Error> {
        #[cfg(feature = "outages")]
        self.outage.pass().await?;
        self.db.read().await
    }

    /// Begins a transaction for writing. Keep it short, and never hold it during a call to a provider, the file
    /// storage or a caller.
    pub async fn write(&self) -> Result<Tx, Error> {
        #[cfg(feature = "outages")]
        self.outage.pass().await?;
        self.db.begin().await
    }

    /// Returns the switch with which tests take the database away.
    #[cfg(feature = "outages")]
    pub const fn outage(&self) -> &Outage {
        &self.outage
    }

    /// Returns the keys that seal personal data.
    pub const fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Returns which database it is.
    pub const fn kind(&self) -> Kind {
        self.db.kind()
    }

    /// Empties SQLite's write-ahead log into the database, so that erased data does not survive there. Returns false
    /// if another connection prevented it. PostgreSQL manages its own log.
    pub async fn checkpoint_wal(&self) -> Result<bool, Error> {
        self.db.checkpoint_wal().await
    }

    /// Writes a copy of an SQLite database to a new file, as it is at one moment, while others read and write. The copy has
    /// no free pages, so nothing that was deleted is in it. Sync it before relying on it. Returns false on PostgreSQL, which
    /// has tools of its own.
    pub async fn copy_to(&self, file: &Path) -> Result<bool, Error> {
        self.db.copy_to(file).await
    }

    /// Closes all connections after those in use have been returned.
    pub async fn close(&self) {
        self.db.close().await;
    }
}

/// Returns the number of the newest migration that the database has had.
pub async fn applied_schema_version(session: &mut Session) -> Result<Option<i64>, Error> {
    let row = session
        .fetch_optional(
            "SELECT max(version) AS version FROM _sqlx_migrations",
            vec![],
        )
        .await?;
    row.map_or(Ok(None), |row| row.get("version"))
}

/// Returns the number of the newest migration that this program contains.
pub fn schema_version() -> i64 {
    migrations::SQLITE
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0)
}
