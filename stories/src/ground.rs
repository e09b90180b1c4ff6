//! Ground on which one world after another stands, for simulations, which need very many: an embedded database that is
//! migrated and opened once and holds again, before each world, what it held at first. Opening a database and reading its
//! tables' definitions on every connection costs more than most storms.

use std::sync::Arc;

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Executor as _, SqliteConnection,
    sqlite::SqliteConnectOptions,
};
use store::{Keyring, Store};
use tokio::sync::Mutex;

use crate::{database::Database, outside::SeededEntropy};

/// An embedded database for one world after another, of which only one stands at a time.
#[derive(Debug)]
pub struct Ground {
    pub(crate) database: Arc<Database>,
    pub(crate) store: Store,
    pub(crate) entropy: Arc<SeededEntropy>,
    onlooker: Mutex<SqliteConnection>,
    cleaning: Vec<String>,
}

impl Ground {
    /// Ground with all the platform's tables and every connection open. Beside them it has what `more` makes.
    pub async fn with(more: String) -> Self {
        let database = Arc::new(Database::in_memory());
        let entropy = Arc::new(SeededEntropy::new(0));
        let key = Keyring::new_key_line(1, &*entropy);
        let vault = Keyring::from_text(&key, entropy.clone()).expect("the key is good");
        let store = Store::connect(&database.address(), 8, vault)
            .await
            .expect("a file can be opened");
        store.migrate().await.expect("the database can be migrated");
        let mut onlooker = onlooker(&database).await;
        onlooker
            .execute(AssertSqlSafe(more))
            .await
            .expect("it can be made");
        let cleaning = remember(&mut onlooker, &database).await;
        open_all(&store).await;
        Self {
            database,
            store,
            entropy,
            onlooker: Mutex::new(onlooker),
            cleaning,
        }
    }

    /// Runs a statement beside the platform.
    pub async fn run(&self, statement: impl Into<String>) {
        let mut onlooker = self.onlooker.lock().await;
        sqlx::query(AssertSqlSafe(statement.into()))
            .execute(&mut *onlooker)
            .await
            .expect("it does as told");
    }

    /// The ids that a query beside the platform finds.
    pub async fn ids(&self, query: &'static str) -> Vec<uuid::Uuid> {
        let mut onlooker = self.onlooker.lock().await;
        sqlx::query_scalar(query)
            .fetch_all(&mut *onlooker)
            .await
            .expect("it answers")
    }

    /// Puts back into every table what it held at first.
    pub(crate) async fn is_clean_again(&self) {
        self.run("BEGIN IMMEDIATE").await;
        for statement in &self.cleaning {
            self.run(statement.as_str()).await;
        }
        self.run("COMMIT").await;
    }
}

async fn onlooker(database: &Database) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(database.file())
        .foreign_keys(false)
        .statement_cache_capacity(200)
        .connect()
        .await
        .expect("a file can be opened")
}

/// Keeps a copy of the database as it is; the statements that bring it back.
async fn remember(onlooker: &mut SqliteConnection, database: &Database) -> Vec<String> {
    let first = database.directory().join("first.db");
    for statement in [
        format!("VACUUM INTO '{}'", first.display()),
        format!("ATTACH '{}' AS first", first.display()),
    ] {
        onlooker
            .execute(AssertSqlSafe(statement))
            .await
            .expect("a file can be copied");
    }
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
         AND name <> '_sqlx_migrations' ORDER BY name",
    )
    .fetch_all(&mut *onlooker)
    .await
    .expect("it answers");
    let mut cleaning = Vec::new();
    for table in tables {
        cleaning.push(format!("DELETE FROM main.{table}"));
        let held = format!("SELECT count(*) FROM first.{table}");
        let held: i64 = sqlx::query_scalar(AssertSqlSafe(held))
            .fetch_one(&mut *onlooker)
            .await
            .expect("it answers");
        if held > 0 {
            cleaning.push(format!(
                "INSERT INTO main.{table} SELECT * FROM first.{table}"
            ));
        }
    }
    cleaning
}

/// Opens as many connections as the store has, so that no world's first steps differ from its later ones.
async fn open_all(store: &Store) {
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(store.read().await.expect("a connection can be opened"));
    }
    let tx = store.write().await.expect("a connection can be opened");
    tx.roll_back().await.expect("nothing was done");
}
