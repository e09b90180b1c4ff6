//! Backups of an embedded installation: a directory with a copy of the database and of the stored files.
//!
//! ```text
//! manifest.json  versions, counts, and the checksum of SHA256SUMS
//! SHA256SUMS     the checksum of every other file, as `sha256sum --check` reads it
//! pillarbox.db   the database
//! files/         the stored files, sealed as they are
//! secrets/       the key file and the secret of internal clients, only if they were asked for
//! ```

mod checksums;
mod create;
mod restore;

use std::{io, path::Path};

use serde::{Deserialize, Serialize};
use store::backup::RowCounts;

pub use self::{
    create::{BackupOptions, create},
    restore::{RestoreOptions, restore},
};

/// Format of the backups that this program writes and reads.
const FORMAT: u32 = 1;

const MANIFEST: &str = "manifest.json";
const CHECKSUMS: &str = "SHA256SUMS";
const DATABASE: &str = "pillarbox.db";
const FILES: &str = "files";
const SECRETS: &str = "secrets";
const KEYRING: &str = "keyring";

/// The content of `manifest.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    /// Format of the backup.
    pub format: u32,
    /// Version of the program that wrote it.
    pub version: String,
    /// Number of the newest migration of the database.
    pub schema_version: i64,
    /// Time at which the copying of the database began: what was accepted before is in the backup.
    pub taken_at: String,
    /// Rows of the database.
    pub rows: RowCounts,
    /// Number of stored files.
    pub files: u64,
    /// Whether the key file is in the backup.
    pub has_keyring: bool,
    /// Checksum of `SHA256SUMS`, in hexadecimal.
    pub checksums_sha256: String,
}

fn path_of_file(key: &str) -> String {
    format!("{FILES}/{key}")
}

/// Makes the names in a directory durable.
fn sync_directory(path: &Path) -> io::Result<()> {
    std::fs::File::open(path)?.sync_all()
}
