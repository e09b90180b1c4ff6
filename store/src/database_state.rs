//! What the database says of itself, for people who look after it.

use crate::{
    Error, Session,
    db::{Kind, args},
};

/// The state of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseState {
    /// Name and version.
    pub version: String,
    /// Its clock, in milliseconds since 1970; `None` for SQLite, which has that of this machine.
    pub unix_milliseconds: Option<i64>,
    /// Settings with which a commit may be lost in a power failure, as `name = value`.
    pub undurable: Vec<String>,
}

/// Reads the state of the database.
pub async fn read(session: &mut Session) -> Result<DatabaseState, Error> {
    match session.kind() {
        Kind::Sqlite => of_sqlite(session).await,
        Kind::Postgres => of_postgres(session).await,
    }
}

async fn of_sqlite(session: &mut Session) -> Result<DatabaseState, Error> {
    let sql = "SELECT sqlite_version() AS version";
    let row = session.fetch_optional(sql, args![]).await?;
    let version: Option<String> = row.map(|row| row.get("version")).transpose()?;
    Ok(DatabaseState {
        version: format!("SQLite {}", version.unwrap_or_default()),
        unix_milliseconds: None,
        // Each connection of ours sets what decides about it.
        undurable: Vec::new(),
    })
}

async fn of_postgres(session: &mut Session) -> Result<DatabaseState, Error> {
    let row = session
        .fetch_optional(
            "SELECT current_setting('server_version') AS version, \
             CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint) AS unix_milliseconds",
            args![],
        )
        .await?;
    let row = row.ok_or_else(Error::no_answer)?;
    let version: String = row.get("version")?;
    let undurable = session
        .fetch_all(
            "SELECT name || ' = ' || setting AS setting FROM pg_settings \
             WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off' ORDER BY name",
            args![],
        )
        .await?;
    let undurable = undurable.iter().map(|row| row.get("setting"));
    Ok(DatabaseState {
        version: format!("PostgreSQL {version}"),
        unix_milliseconds: Some(row.get("unix_milliseconds")?),
        undurable: undurable.collect::<Result<_, _>>()?,
    })
}
