//! Daily counters of the quotas. A counter is checked and incremented in one statement; rows are never counted. Days
//! are UTC (`docs/spec/public-api.md` §4).

use domain::{Allowance, ServiceId, UtcDay};

use crate::{Error, Session, Tx, db::args};

/// Adds up to `wanted` to today's counter without exceeding `limit`. Returns how many were granted, and the
/// counter's new value.
///
/// The row stays locked until the transaction ends, so that two concurrent calls cannot both pass the limit.
pub async fn spend(
    tx: &mut Tx,
    service: ServiceId,
    allowance: Allowance,
    day: UtcDay,
    wanted: u32,
    limit: i64,
) -> Result<(u32, i64), Error> {
    let row = tx
        .fetch_optional(
            // Add first and subtract the excess: checking first would need a lock before the row exists.
            "INSERT INTO daily_counters (service_id, allowance, day, spent) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (service_id, allowance, day) DO UPDATE SET spent = daily_counters.spent + excluded.spent \
             RETURNING spent",
            args![service, allowance, day, wanted],
        )
        .await?;
    let spent: i64 = row.map_or(Ok(0), |row| row.get("spent"))?;
    // The limit may have been lowered since, so the excess can be larger than what was asked for.
    let excess = (spent - limit).clamp(0, i64::from(wanted));
    if excess > 0 {
        refund(tx, service, allowance, day, excess).await?;
    }
    let granted = wanted - u32::try_from(excess).expect("between nothing and what was wanted");
    Ok((granted, spent - excess))
}

/// Adds `wanted` to today's counter if the whole fits within `limit`; otherwise adds nothing. Returns whether it was
/// granted. For jobs, which are sent whole or not at all.
pub async fn spend_all(
    tx: &mut Tx,
    service: ServiceId,
    allowance: Allowance,
    day: UtcDay,
    wanted: u32,
    limit: i64,
) -> Result<bool, Error> {
    let (granted, _) = spend(tx, service, allowance, day, wanted, limit).await?;
    if granted < wanted {
        refund(tx, service, allowance, day, i64::from(granted)).await?;
    }
    Ok(granted == wanted)
}

/// Subtracts what was granted and not used. The counter never falls below zero: the letters of a job that began
/// before midnight were counted on the day before.
pub async fn refund(
    tx: &mut Tx,
    service: ServiceId,
    allowance: Allowance,
    day: UtcDay,
    excess: i64,
) -> Result<(), Error> {
    tx.execute(
        "UPDATE daily_counters SET spent = CASE WHEN spent > $4 THEN spent - $4 ELSE 0 END \
         WHERE service_id = $1 AND allowance = $2 AND day = $3",
        args![service, allowance, day, excess],
    )
    .await?;
    Ok(())
}

/// Returns today's counter.
pub async fn find_spent(
    session: &mut Session,
    service: ServiceId,
    allowance: Allowance,
    day: UtcDay,
) -> Result<i64, Error> {
    let row = session
        .fetch_optional(
            "SELECT spent FROM daily_counters WHERE service_id = $1 AND allowance = $2 AND day = $3",
            args![service, allowance, day],
        )
        .await?;
    row.map_or(Ok(0), |row| row.get("spent"))
}

/// Deletes the counters of the days before `day`.
pub async fn delete_before(tx: &mut Tx, day: UtcDay) -> Result<u64, Error> {
    tx.allow_long_statements();
    tx.execute("DELETE FROM daily_counters WHERE day < $1", args![day])
        .await
}
