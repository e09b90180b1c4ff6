//! A fresh database and a fresh directory for every measurement.
//!
//! This is the one place outside `store` that names a driver, because creating and dropping whole databases, and
//! counting independently of the platform, is not the platform's work.

use std::{
    path::{Path, PathBuf},
    str::FromStr as _,
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _,
    postgres::{PgConnectOptions, PgConnection},
    sqlite::SqliteConnectOptions,
};
use tempfile::TempDir;

use crate::{
    options::{Databases, Options},
    usage,
};

/// Where new databases are created.
#[derive(Debug)]
pub(crate) enum Backend {
    Sqlite { directory: PathBuf },
    Postgres { server: String, directory: PathBuf },
}

/// Where a child opens its platform.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DataLocation {
    /// The address of the database.
    pub(crate) database: String,
    /// For files, the sink and whatever else.
    pub(crate) directory: PathBuf,
}

/// A fresh database and directory, removed when dropped.
#[derive(Debug)]
pub(crate) struct Fresh {
    pub(crate) location: DataLocation,
    server: Option<(String, String)>,
    _directory: TempDir,
}

impl Backend {
    pub(crate) fn all(options: &Options) -> Result<Vec<Self>> {
        let directory = options.directory.clone().unwrap_or_else(std::env::temp_dir);
        let postgres = options
            .postgres
            .clone()
            .filter(|address| address.starts_with("postgres"));
        let sqlite = Self::Sqlite {
            directory: directory.clone(),
        };
        match (options.database, postgres) {
            (Databases::Sqlite, _) | (Databases::Both, None) => Ok(vec![sqlite]),
            (Databases::Postgres, Some(server)) => Ok(vec![Self::Postgres { server, directory }]),
            (Databases::Both, Some(server)) => {
                Ok(vec![sqlite, Self::Postgres { server, directory }])
            }
            (Databases::Postgres, None) => {
                bail!(
                    "say where PostgreSQL is: --postgres postgres://user@host/name, or use scripts/bench.sh"
                )
            }
        }
    }

    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "sqlite",
            Self::Postgres { .. } => "postgres",
        }
    }

    pub(crate) async fn fresh(&self) -> Result<Fresh> {
        let parent = match self {
            Self::Sqlite { directory } | Self::Postgres { directory, .. } => directory,
        };
        let directory = TempDir::with_prefix_in("pillarbox-bench-", parent)
            .with_context(|| format!("cannot make a directory in {}", parent.display()))?;
        let path = directory.path().to_owned();
        match self {
            Self::Sqlite { .. } => Ok(Fresh {
                location: DataLocation {
                    database: format!("sqlite:{}", path.join("pillarbox.db").display()),
                    directory: path,
                },
                server: None,
                _directory: directory,
            }),
            Self::Postgres { server, .. } => {
                let name = unused_name();
                administer(server, &format!("CREATE DATABASE {name}")).await?;
                // Writes that the last measurement left to the server must not slow this one.
                administer(server, "CHECKPOINT").await?;
                Ok(Fresh {
                    location: DataLocation {
                        database: with_name(server, &name)?,
                        directory: path,
                    },
                    server: Some((server.clone(), name)),
                    _directory: directory,
                })
            }
        }
    }
}

impl Fresh {
    /// Checks in the database that it holds `count` messages.
    pub(crate) async fn expect_kept(&self, expected: u64) -> Result<()> {
        const COUNT: &str = "SELECT count(*) FROM notifications";
        let address = &self.location.database;
        let kept: i64 = match address.strip_prefix("sqlite:") {
            Some(path) => {
                let mut connection = SqliteConnectOptions::new()
                    .filename(Path::new(path))
                    .connect()
                    .await?;
                sqlx::query_scalar(COUNT).fetch_one(&mut connection).await?
            }
            None => {
                sqlx::query_scalar(COUNT)
                    .fetch_one(&mut PgConnection::connect(address).await?)
                    .await?
            }
        };
        ensure!(
            u64::try_from(kept)? == expected,
            "{kept} messages are kept and {expected} were expected"
        );
        Ok(())
    }

    /// Does at once what the database does by itself in the hours in which so many messages arrive, so that it is not
    /// measured.
    pub(crate) async fn maintain(&self) -> Result<()> {
        let address = &self.location.database;
        let Some(path) = address.strip_prefix("sqlite:") else {
            administer(address, "VACUUM ANALYZE").await?;
            return administer(address, "CHECKPOINT").await;
        };
        let options = SqliteConnectOptions::new().filename(Path::new(path));
        let mut connection = options.connect().await?;
        sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(&mut connection)
            .await?;
        Ok(connection.close().await?)
    }

    /// Returns the processor time that the database server has used in all its processes; `None` where the database
    /// is part of the measured process or on another machine.
    pub(crate) async fn server_processor_seconds(&self) -> Result<Option<f64>> {
        let address = &self.location.database;
        if address.starts_with("sqlite:") {
            return Ok(None);
        }
        let mut connection = PgConnection::connect(address).await?;
        let backend: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
            .fetch_one(&mut connection)
            .await?;
        Ok(usage::family_processor_seconds(&backend.to_string()))
    }

    pub(crate) async fn remove(self) -> Result<()> {
        match &self.server {
            Some((server, name)) => {
                administer(server, &format!("DROP DATABASE {name} WITH (FORCE)")).await
            }
            None => Ok(()),
        }
    }
}

fn unused_name() -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    format!(
        "pillarbox_bench_{}_{}",
        std::process::id(),
        MADE.fetch_add(1, Ordering::Relaxed)
    )
}

/// Returns the address with another database name.
fn with_name(server: &str, name: &str) -> Result<String> {
    let (address, query) = server
        .split_once('?')
        .map_or((server, None), |(address, query)| (address, Some(query)));
    let (scheme, rest) = address
        .split_once("://")
        .context("a PostgreSQL address begins with postgres://")?;
    let host = rest.split_once('/').map_or(rest, |(host, _)| host);
    let query = query.map_or_else(String::new, |query| format!("?{query}"));
    Ok(format!("{scheme}://{host}/{name}{query}"))
}

async fn administer(server: &str, sql: &str) -> Result<()> {
    let options =
        PgConnectOptions::from_str(server).context("the address of PostgreSQL makes no sense")?;
    let mut connection = options
        .connect()
        .await
        .context("PostgreSQL does not answer")?;
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut connection)
        .await
        .with_context(|| format!("PostgreSQL refuses: {sql}"))?;
    Ok(connection.close().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_database_lies_on_the_same_server() {
        let same = |server| with_name(server, "new").unwrap();
        assert_eq!(
            same("postgres://ada@localhost:5433/old"),
            "postgres://ada@localhost:5433/new"
        );
        assert_eq!(
            same("postgres://ada@localhost"),
            "postgres://ada@localhost/new"
        );
        assert_eq!(
            same("postgres://ada@h/old?host=/run/x"),
            "postgres://ada@h/new?host=/run/x"
        );
    }
}
