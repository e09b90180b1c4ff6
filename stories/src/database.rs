//! A database of its own for every story.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tempfile::TempDir;
use uuid::Uuid;

/// A database that goes away with the story.
#[derive(Debug)]
pub(crate) struct Database {
    directory: TempDir,
    postgres: Option<(String, String)>,
}

impl Database {
    /// On PostgreSQL if a server is named, else a file.
    pub(crate) async fn fresh(random: Uuid) -> Self {
        let directory = tempfile::tempdir().expect("a directory can be made");
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

    /// An embedded one, in memory where the machine has a place for that.
    pub(crate) fn in_memory() -> Self {
        let memory = std::path::Path::new("/dev/shm");
        let directory = if memory.is_dir() {
            tempfile::tempdir_in(memory)
        } else {
            tempfile::tempdir()
        };
        Self {
            directory: directory.expect("a directory can be made"),
            postgres: None,
        }
    }

    pub(crate) fn address(&self) -> String {
        match &self.postgres {
            Some((server, name)) => {
                let (server, _) = server.rsplit_once('/').expect("an address with a database");
                format!("{server}/{name}")
            }
            None => format!("sqlite:{}", self.file().display()),
        }
    }

    /// Where the file is, on the embedded default.
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
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(run(
                &server,
                format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
            ));
        });
        let _ = dropped.join();
    }
}

async fn run(server: &str, statement: String) {
    let mut connection = PgConnection::connect(server)
        .await
        .expect("the test's PostgreSQL answers");
    sqlx::query(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await
        .expect("it does as told");
}
