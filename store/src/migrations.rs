//! The migrations of both databases, compiled into the program.
//!
//! A list of our own takes the place of `sqlx::migrate!`: that macro builds the database drivers, TLS and its C code a
//! second time for the compiler's own use, a third of the time of a first build.

use std::sync::LazyLock;

use sqlx::{
    SqlSafeStr as _,
    migrate::{Migration, MigrationType, Migrator},
};

/// Reads each migration for both databases; a file that one of them lacks does not compile.
macro_rules! migrations {
    ($($name:literal),+ $(,)?) => {
        &[$((
            $name,
            include_str!(concat!("../migrations/sqlite/", $name, ".sql")),
            include_str!(concat!("../migrations/postgres/", $name, ".sql")),
        )),+]
    };
}

/// Name, text for `SQLite`, text for PostgreSQL.
const MIGRATIONS: &[(&str, &str, &str)] = migrations![
    "0001_foundation",
    "0002_public_api",
    "0003_jobs_and_retention",
    "0004_tasks_of_the_dead",
    "0005_task_subjects",
    "0006_keyring_canary",
    "0007_counter_parts",
    "0008_real_channels",
    "0009_quota_day_and_storage",
    "0010_providers",
    "0011_receipts_and_suppression",
    "0012_callbacks",
    "0013_queue_indexes",
    "0014_letter_print_run",
    "0015_letter_responses",
    "0016_letter_references",
    "0018_print_providers",
    "0019_letter_callbacks",
    "0020_status_facts",
];

pub(crate) static SQLITE: LazyLock<Migrator> =
    LazyLock::new(|| migrator(|(name, sqlite, _)| migration(name, sqlite)));

pub(crate) static POSTGRES: LazyLock<Migrator> =
    LazyLock::new(|| migrator(|(name, _, postgres)| migration(name, postgres)));

fn migrator(read: fn(&(&'static str, &'static str, &'static str)) -> Migration) -> Migrator {
    Migrator::with_migrations(MIGRATIONS.iter().map(read).collect())
}

/// Returns what `sqlx` makes of a file of this name: databases remember its number, description and checksum.
fn migration(name: &'static str, sql: &'static str) -> Migration {
    let (number, description) = name.split_once('_').expect("a name has a number");
    Migration::new(
        number.parse().expect("a name begins with its number"),
        description.replace('_', " ").into(),
        MigrationType::Simple,
        sql.into_sql_str(),
        false,
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[tokio::test]
    async fn every_file_is_listed_and_read_as_sqlx_reads_it() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
        for (migrator, directory) in [(&SQLITE, "sqlite"), (&POSTGRES, "postgres")] {
            let files = Migrator::new(root.join(directory)).await.unwrap();
            let facts = |migrator: &Migrator| {
                let facts = migrator.iter().map(|one| {
                    (
                        one.version,
                        one.description.clone(),
                        one.checksum.clone(),
                        one.no_tx,
                    )
                });
                facts.collect::<Vec<_>>()
            };
            assert_eq!(facts(migrator), facts(&files), "{directory}");
        }
    }
}
