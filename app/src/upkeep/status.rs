//! State for monitors (`docs/spec/public-api.md` §20).

use crate::App;

/// Counts of live services and of organisations that have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveCounts {
    /// Services that are active, not in trial mode, and counted.
    pub services: u32,
    /// Organisations with at least one such service.
    pub organisations: u32,
}

/// Counts the live services and the organisations that have one.
pub async fn live_counts(app: &App) -> Result<LiveCounts, store::Error> {
    let (services, organisations) = store::services::count_live(&mut app.read().await?).await?;
    Ok(LiveCounts {
        services,
        organisations,
    })
}

/// Returns the newest migration applied to the database. A result also shows that the database can be reached.
pub async fn database_version(app: &App) -> Result<Option<i64>, store::Error> {
    store::applied_schema_version(&mut app.read().await?).await
}
