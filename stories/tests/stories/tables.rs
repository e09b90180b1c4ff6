//! The tables as both databases report them, where both are available: columns, `NOT NULL`, keys, indexes. (`schema`
//! compares the texts of the migrations on every machine.)

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use pillarbox_stories::{SeededRandom, World};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _, SqliteConnection};
use store::{Keyring, Store};

/// A table as its database describes it, in terms common to both databases.
#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    /// Name, type, and whether it is `NOT NULL`.
    columns: BTreeSet<(String, &'static str, bool)>,
    key: Vec<String>,
    /// Columns by index name, and whether the index is partial.
    indexes: BTreeMap<String, (Vec<String>, bool)>,
}

type Tables = BTreeMap<String, Table>;

/// Maps types that only one of the databases distinguishes to one name.
fn kind(word: &str) -> &'static str {
    match word.to_ascii_lowercase().as_str() {
        "text" => "text",
        "integer" | "bigint" | "boolean" | "timestamp with time zone" => "number",
        "blob" | "bytea" | "uuid" => "bytes",
        other => panic!("{other} is an unknown type"),
    }
}

async fn of_sqlite(address: &str) -> Tables {
    let mut connection = SqliteConnection::connect(address).await.unwrap();
    let names = sqlx::query(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '_sqlx%'",
    );
    let names: Vec<String> = names
        .fetch_all(&mut connection)
        .await
        .unwrap()
        .iter()
        .map(|row| row.get("name"))
        .collect();
    let mut tables = Tables::new();
    for name in names {
        let mut table = Table::default();
        let columns = sqlx::query(
            "SELECT name, type, \"notnull\", pk FROM pragma_table_info($1) ORDER BY pk",
        );
        for row in columns
            .bind(&name)
            .fetch_all(&mut connection)
            .await
            .unwrap()
        {
            let column: String = row.get("name");
            table
                .columns
                .insert((column.clone(), kind(row.get("type")), row.get("notnull")));
            if row.get::<i64, _>("pk") > 0 {
                table.key.push(column);
            }
        }
        let indexes =
            sqlx::query("SELECT name, partial FROM pragma_index_list($1) WHERE origin = 'c'");
        for row in indexes
            .bind(&name)
            .fetch_all(&mut connection)
            .await
            .unwrap()
        {
            let index: String = row.get("name");
            let columns = sqlx::query("SELECT name FROM pragma_index_info($1) ORDER BY seqno");
            let columns = columns
                .bind(&index)
                .fetch_all(&mut connection)
                .await
                .unwrap();
            let columns = columns.iter().map(|row| row.get("name")).collect();
            table.indexes.insert(index, (columns, row.get("partial")));
        }
        tables.insert(name, table);
    }
    tables
}

async fn of_postgres(address: &str) -> Tables {
    let mut connection = PgConnection::connect(address).await.unwrap();
    // Each day is a table of its own there: partitions of one table.
    let columns = "SELECT c.relname AS name, a.attname::text AS column, a.attnotnull AS needed, \
                          format_type(a.atttypid, NULL) AS type \
                   FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
                   WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition \
                   AND c.relname NOT LIKE '\\_sqlx%'";
    let indexes = "SELECT c.relname AS name, i.relname::text AS index, x.indisprimary AS is_key, \
                          EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = x.indexrelid AND k.contype = 'u') AS is_promise, \
                          x.indpred IS NOT NULL AS partial, \
                          (SELECT array_agg(a.attname::text ORDER BY k.place) FROM unnest(x.indkey) WITH ORDINALITY k (number, place) \
                           JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number) AS columns \
                   FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid \
                   WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition AND c.relname NOT LIKE '\\_sqlx%'";
    let mut tables = Tables::new();
    for row in sqlx::query(AssertSqlSafe(columns))
        .fetch_all(&mut connection)
        .await
        .unwrap()
    {
        let table = tables.entry(row.get("name")).or_default();
        table
            .columns
            .insert((row.get("column"), kind(row.get("type")), row.get("needed")));
    }
    for row in sqlx::query(AssertSqlSafe(indexes))
        .fetch_all(&mut connection)
        .await
        .unwrap()
    {
        let table = tables.entry(row.get("name")).or_default();
        let columns: Vec<String> = row.get("columns");
        if row.get("is_key") {
            table.key = columns;
        } else if !row.get::<bool, _>("is_promise") {
            table
                .indexes
                .insert(row.get("index"), (columns, row.get("partial")));
        }
    }
    tables
}

#[tokio::test]
#[ignore = "needs PostgreSQL: make test-distributed"]
async fn both_databases_have_the_same_tables() {
    let world = World::new().await;
    assert!(
        world.database_address().starts_with("postgres"),
        "PILLARBOX_TEST_DATABASE names the PostgreSQL to compare with"
    );
    let directory = tempfile::tempdir().unwrap();
    let address = format!("sqlite:{}", directory.path().join("beside.db").display());
    let entropy = Arc::new(SeededRandom::new(1));
    let vault = Keyring::from_text(&Keyring::new_key_line(1, &*entropy), entropy.clone()).unwrap();
    let embedded = Store::connect(&address, 1, vault).await.unwrap();
    embedded.migrate().await.unwrap();
    let (sqlite, postgres) = (
        of_sqlite(&address).await,
        of_postgres(&world.database_address()).await,
    );
    embedded.close().await;

    assert!(sqlite.len() > 10, "there are tables");
    assert_eq!(
        sqlite.keys().collect::<Vec<_>>(),
        postgres.keys().collect::<Vec<_>>()
    );
    for (name, table) in &sqlite {
        assert_eq!(*table, postgres[name], "the table {name}");
    }
}
