//! A database of its own for each story.

use domain::RandomSource as _;
use rand::Rng as _;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

use crate::deterministic::SeededRandom;

/// A database that is dropped with its story.
#[derive(Debug)]
pub(crate) struct Database {
    directory: TempDir,
    postgres: Option<(String, String)>,
}

impl Database {
    /// Creates a database on the PostgreSQL server that `PILLARBOX_TEST_DATABASE` names, or an `SQLite` file without one.
    pub(crate) async fn fresh(random: Uuid) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be created");
        let postgres = match std::env::var("PILLARBOX_TEST_DATABASE") {
            Ok(server) if server.starts_with("postgres") => {
                let name = format!("pillarbox_story_{}", random.simple());
                run(&server, format!("CREATE DATABASE {name}")).await;
                Some((server, name))
            }
            _ => None,
        };
        Self {
            directory,
            postgres,
        }
    }

    /// Creates an `SQLite` database, in memory where the machine has `/dev/shm`.
    pub(crate) fn in_memory() -> Self {
        let memory = std::path::Path::new("/dev/shm");
        let directory = if memory.is_dir() {
            tempfile::tempdir_in(memory)
        } else {
            tempfile::tempdir()
        };
        Self {
            directory: directory.expect("a temporary directory can be created"),
            postgres: None,
        }
    }

    pub(crate) fn address(&self) -> String {
        match &self.postgres {
            Some((server, name)) => {
                let (server, _) = server
                    .rsplit_once('/')
                    .expect("the address names a database");
                format!("{server}/{name}")
            }
            None => format!("sqlite:{}", self.file().display()),
        }
    }

    /// Returns the path of the `SQLite` file.
    pub(crate) fn file(&self) -> std::path::PathBuf {
        self.directory.path().join("pillarbox.db")
    }

    pub(crate) fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Some((server, name)) = self.postgres.take() else {
            return;
        };
        // A story may end in a panic, so this cannot wait for anything of its runtime.
        let dropped = std::thread::spawn(move || {
            runtime().block_on(run(
                &server,
                format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
            ));
        });
        let _ = dropped.join();
    }
}

/// A database without tables, for stories of a first start.
#[derive(Debug)]
pub struct EmptyDatabase(Database);

impl EmptyDatabase {
    /// Creates a database that is dropped with the returned value.
    pub async fn create() -> Self {
        let random = SeededRandom::new(rand::rng().next_u64());
        let mut name = [0; 16];
        random.fill(&mut name);
        Self(Database::fresh(Uuid::from_bytes(name)).await)
    }

    /// Returns the address of the database.
    pub fn address(&self) -> String {
        self.0.address()
    }
}

/// A runtime for a destructor, which cannot wait on the one of its story.
pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be built")
}

async fn run(server: &str, statement: String) {
    let mut connection = PgConnection::connect(server)
        .await
        .expect("the PostgreSQL server of the tests can be reached");
    sqlx::query(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await
        .expect("the statement succeeds");
}
