//! A database for one world after another, for simulations, which need very many. It is migrated and opened once and
//! reset before each world: opening a database and reading its schema on every connection costs more than most seeds.

use std::sync::Arc;

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Executor as _, SqliteConnection,
    sqlite::SqliteConnectOptions,
};
use store::{Keyring, Store};
use tokio::sync::Mutex;

use crate::{database::Database, deterministic::SeededRandom};

/// An `SQLite` database for one world at a time.
#[derive(Debug)]
pub struct SharedDatabase {
    pub(crate) database: Arc<Database>,
    pub(crate) store: Store,
    pub(crate) entropy: Arc<SeededRandom>,
    observer: Mutex<SqliteConnection>,
    reset_statements: Vec<String>,
}

impl SharedDatabase {
    /// Opens a migrated database with every connection, then runs the SQL script `more` in it.
    pub async fn with(more: String) -> Self {
        let database = Arc::new(Database::in_memory());
        let entropy = Arc::new(SeededRandom::new(0));
        let key = Keyring::new_key_line(1, &*entropy);
        let vault = Keyring::from_text(&key, entropy.clone()).expect("the key is good");
        let store = Store::connect(&database.address(), 8, vault)
            .await
            .expect("the database can be opened");
        store.migrate().await.expect("the database can be migrated");
        let mut observer = observer(&database).await;
        observer
            .execute(AssertSqlSafe(more))
            .await
            .expect("the script succeeds");
        let reset_statements = save_copy(&mut observer, &database).await;
        open_all(&store).await;
        Self {
            database,
            store,
            entropy,
            observer: Mutex::new(observer),
            reset_statements,
        }
    }

    /// Runs a statement on a connection that the platform does not use.
    pub async fn run(&self, statement: impl Into<String>) {
        let mut observer = self.observer.lock().await;
        sqlx::query(AssertSqlSafe(statement.into()))
            .execute(&mut *observer)
            .await
            .expect("the statement succeeds");
    }

    /// Returns the ids that a query finds, on a connection that the platform does not use.
    pub async fn ids(&self, query: impl Into<String>) -> Vec<uuid::Uuid> {
        let mut observer = self.observer.lock().await;
        sqlx::query_scalar(AssertSqlSafe(query.into()))
            .fetch_all(&mut *observer)
            .await
            .expect("the query succeeds")
    }

    /// Restores the original contents of every table.
    pub(crate) async fn reset(&self) {
        self.run("BEGIN IMMEDIATE").await;
        for statement in &self.reset_statements {
            self.run(statement.as_str()).await;
        }
        self.run("COMMIT").await;
    }
}

async fn observer(database: &Database) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(database.file())
        .foreign_keys(false)
        .statement_cache_capacity(200)
        .connect()
        .await
        .expect("the database can be opened")
}

/// Saves a copy of the database and returns the statements that restore it.
async fn save_copy(observer: &mut SqliteConnection, database: &Database) -> Vec<String> {
    let first = database.directory().join("first.db");
    for statement in [
        format!("VACUUM INTO '{}'", first.display()),
        format!("ATTACH '{}' AS first", first.display()),
    ] {
        observer
            .execute(AssertSqlSafe(statement))
            .await
            .expect("the database can be copied");
    }
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
         AND name <> '_sqlx_migrations' ORDER BY name",
    )
    .fetch_all(&mut *observer)
    .await
    .expect("the query succeeds");
    let mut reset_statements = Vec::new();
    for table in tables {
        reset_statements.push(format!("DELETE FROM main.{table}"));
        let held = format!("SELECT count(*) FROM first.{table}");
        let held: i64 = sqlx::query_scalar(AssertSqlSafe(held))
            .fetch_one(&mut *observer)
            .await
            .expect("the query succeeds");
        if held > 0 {
            reset_statements.push(format!(
                "INSERT INTO main.{table} SELECT * FROM first.{table}"
            ));
        }
    }
    reset_statements
}

/// Opens every connection of the store, so that a seed takes the same steps whichever world comes first.
async fn open_all(store: &Store) {
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(store.read().await.expect("a connection can be opened"));
    }
    let tx = store.write().await.expect("a connection can be opened");
    tx.roll_back()
        .await
        .expect("an empty transaction can be rolled back");
}
