//! The channels that have a real provider, or had one. A process without settings for such a channel is misconfigured.

use domain::Channel;

use crate::{Error, Session, Store, applied_schema_version, db::args};

/// The migration that creates the table.
const SINCE: i64 = 8;

/// Returns the channels that were marked.
pub async fn list(session: &mut Session) -> Result<Vec<Channel>, Error> {
    // Where `migrate_on_start` is off, an older schema may still be in use.
    if applied_schema_version(session).await?.unwrap_or(0) < SINCE {
        return Ok(Vec::new());
    }
    let rows = session
        .fetch_all("SELECT channel FROM real_channels", args![])
        .await?;
    rows.iter()
        .map(|row| row.parse("real_channels", "channel"))
        .collect()
}

/// Marks channels that have a real provider.
pub async fn mark(store: &Store, channels: &[Channel]) -> Result<(), Error> {
    let known = {
        let mut session = store.read().await?;
        if applied_schema_version(&mut session).await?.unwrap_or(0) < SINCE {
            return Ok(());
        }
        list(&mut session).await?
    };
    // Nearly every start ends here, without waiting for SQLite's writer.
    if channels.iter().all(|channel| known.contains(channel)) {
        return Ok(());
    }
    let mut tx = store.write().await?;
    for channel in channels {
        tx.execute(
            "INSERT INTO real_channels (channel) VALUES ($1) ON CONFLICT (channel) DO NOTHING",
            args![channel.as_str()],
        )
        .await?;
    }
    tx.commit().await
}
