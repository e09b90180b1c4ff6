//! Small numbers about providers that all processes add to: errors by a few seconds, messages by day.

use domain::Channel;

use crate::{Error, Session, Tx, db::args};

/// Which number of a provider is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter<'a> {
    /// Channel of the provider.
    pub channel: Channel,
    /// Name of the provider.
    pub provider: &'a str,
    /// What is counted.
    pub name: &'static str,
}

/// Adds to a number of a period.
pub async fn add(tx: &mut Tx, counter: Counter<'_>, period: i64, count: i64) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO provider_counters (notification_type, identifier, counter, period, total) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (notification_type, identifier, counter, period) \
         DO UPDATE SET total = provider_counters.total + excluded.total",
        args![counter.channel, counter.provider, counter.name, period, count],
    )
    .await?;
    Ok(())
}

/// Adds as much as possible of `wanted` to a number of a period without exceeding `limit`, and returns how much.
pub async fn reserve(
    tx: &mut Tx,
    counter: Counter<'_>,
    period: i64,
    wanted: i64,
    limit: i64,
) -> Result<i64, Error> {
    // Creates the row, so that the next statement has one to lock.
    add(tx, counter, period, 0).await?;
    let for_update = tx.kind().for_update();
    let spent: i64 = tx
        .fetch_optional(
            format!(
                "SELECT total FROM provider_counters \
                 WHERE notification_type = $1 AND identifier = $2 AND counter = $3 AND period = $4 {for_update}"
            ),
            args![counter.channel, counter.provider, counter.name, period],
        )
        .await?
        .map_or(Ok(0), |row| row.get("total"))?;
    let granted = wanted.min(limit - spent).max(0);
    if granted > 0 {
        add(tx, counter, period, granted).await?;
    }
    Ok(granted)
}

/// Returns the sum of a number over the periods from `first`.
pub async fn sum_since(
    session: &mut Session,
    counter: Counter<'_>,
    first: i64,
) -> Result<i64, Error> {
    let row = session
        .fetch_optional(
            "SELECT CAST(COALESCE(sum(total), 0) AS BIGINT) AS total FROM provider_counters \
             WHERE notification_type = $1 AND identifier = $2 AND counter = $3 AND period >= $4",
            args![counter.channel, counter.provider, counter.name, first],
        )
        .await?;
    row.map_or(Ok(0), |row| row.get("total"))
}

/// Deletes a number of the periods before `first`, of every provider.
pub async fn delete_before(tx: &mut Tx, name: &str, first: i64) -> Result<(), Error> {
    tx.execute(
        "DELETE FROM provider_counters WHERE counter = $1 AND period < $2",
        args![name, first],
    )
    .await?;
    Ok(())
}
