//! What monitors may know (`docs/spec/public-api.md` §20).

use crate::App;

/// The services that are live, and the organisations that have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveCounts {
    /// Active, not in trial mode, and counted.
    pub services: u32,
    /// With at least one such service.
    pub organisations: u32,
}

/// How many services are live, and how many organisations have one.
pub async fn live_counts(app: &App) -> Result<LiveCounts, store::Error> {
    let (services, organisations) = store::services::count_live(&mut app.read().await?).await?;
    Ok(LiveCounts {
        services,
        organisations,
    })
}

/// The newest migration that the database has had; it answers when this does.
pub async fn database_version(app: &App) -> Result<Option<i64>, store::Error> {
    store::applied_schema_version(&mut app.read().await?).await
}
