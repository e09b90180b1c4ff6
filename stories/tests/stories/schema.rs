//! Both databases describe the same tables.

use std::{collections::BTreeMap, fs, path::Path};

use pillarbox_stories::World;
use sqlx::Connection as _;
use store::{Keyring, Store};

/// Tables with their columns: name, and whether it is `NOT NULL`.
type Tables = BTreeMap<String, Vec<(String, bool, Kind)>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Bytes,
}

/// What the migrations of a dialect say, read as text. Types that one dialect tells apart and the other does not are one.
fn described(dialect: &str) -> Tables {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../store/migrations")
        .join(dialect);
    let mut files: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let mut tables = Tables::new();
    for file in files {
        let text = fs::read_to_string(file).unwrap();
        let mut table = None;
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("CREATE TABLE ") {
                table = rest
                    .ends_with('(')
                    .then(|| rest.split_whitespace().next().unwrap().to_owned());
            } else if let Some((name, column)) = line
                .strip_prefix("ALTER TABLE ")
                .and_then(|rest| rest.split_once(" ADD COLUMN "))
            {
                let column = read_column(column).expect("a column has a type");
                tables.entry(name.to_owned()).or_default().push(column);
            } else if let (Some(name), Some(text)) = (&table, line.strip_prefix("    "))
                && let Some(column) = read_column(text)
            {
                tables.entry(name.clone()).or_default().push(column);
            }
        }
    }
    tables
}

fn read_column(line: &str) -> Option<(String, bool, Kind)> {
    let mut words = line.split_whitespace();
    let name = words.next()?;
    let kind = match words.next()?.trim_end_matches([',', ';']) {
        "TEXT" | "text" => Kind::Text,
        "INTEGER" | "bigint" | "boolean" | "timestamptz" => Kind::Number,
        "BLOB" | "uuid" | "bytea" => Kind::Bytes,
        _ => return None,
    };
    Some((name.to_owned(), line.contains("NOT NULL"), kind))
}

#[test]
fn the_migrations_of_both_databases_describe_the_same_tables() {
    let (sqlite, postgres) = (described("sqlite"), described("postgres"));
    assert!(
        sqlite.len() > 10 && sqlite["notifications"].len() > 20,
        "the reader reads"
    );
    assert_eq!(sqlite, postgres);
}

#[test]
fn every_index_says_which_query_it_serves() {
    for dialect in ["sqlite", "postgres"] {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../store/migrations")
            .join(dialect);
        for file in fs::read_dir(directory).unwrap() {
            let text = fs::read_to_string(file.unwrap().path()).unwrap();
            let lines: Vec<&str> = text.lines().collect();
            for (number, line) in lines.iter().enumerate() {
                if line.starts_with("CREATE INDEX") {
                    assert!(lines[number - 1].starts_with("-- "), "{dialect}: {line}");
                }
            }
        }
    }
}

#[tokio::test]
async fn migrating_twice_and_with_data_in_it_is_harmless() {
    let world = World::new().await;
    let service = world.service("Riverside Council").await;
    let id = world
        .send_sms(&service, &service.normal, "07700900123")
        .await
        .json["id"]
        .as_str()
        .unwrap()
        .to_owned();
    world.app.store().migrate().await.unwrap();
    world.app.prepare_partitions().await;
    world.run_tasks().await;
    assert_eq!(world.status_of(&service, &id).await, "sending");
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let world = World::new().await;
    pretend_to_be_newer(&world.database_address()).await;
    let entropy = std::sync::Arc::new(pillarbox_stories::SeededRandom::new(1));
    let vault = Keyring::open_file(&world.keyring(), entropy).unwrap();
    let store = Store::connect(&world.database_address(), 2, vault)
        .await
        .unwrap();
    let error = store.migrate().await.unwrap_err().to_string();
    assert!(
        error.contains("newer version (999)") && error.contains("start the newer program"),
        "{error}"
    );
    store.close().await;
}

async fn pretend_to_be_newer(address: &str) {
    let statement = "INSERT INTO _sqlx_migrations (version, description, installed_on, success, checksum, execution_time) \
                     VALUES (999, 'from the future', CURRENT_TIMESTAMP, TRUE, '', 0)";
    if address.starts_with("sqlite") {
        let mut connection = sqlx::SqliteConnection::connect(address).await.unwrap();
        sqlx::query(statement)
            .execute(&mut connection)
            .await
            .unwrap();
    } else {
        let mut connection = sqlx::PgConnection::connect(address).await.unwrap();
        sqlx::query(statement)
            .execute(&mut connection)
            .await
            .unwrap();
    }
}
