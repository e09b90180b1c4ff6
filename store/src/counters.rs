//! How much of its daily allowance a service has spent. Counters are checked and spent in one statement, never counted
//! from rows. Days are UTC (`docs/spec/public-api.md` §4).

use domain::{Allowance, ServiceId, UtcDay};

use crate::{Error, Session, Tx, db::args};

/// Spends up to `wanted` of what is left of `limit` today; how many were granted, and how many are spent now.
///
/// The row stays locked until the transaction ends, so two at once cannot both pass.
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
            "INSERT INTO daily_counters (service_id, allowance, day, spent) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (service_id, allowance, day) DO UPDATE SET spent = daily_counters.spent + excluded.spent \
             RETURNING spent",
            args![service, allowance, day, wanted],
        )
        .await?;
    let spent: i64 = row.map_or(Ok(0), |row| row.get("spent"))?;
    let excess = (spent - limit).clamp(0, i64::from(wanted));
    if excess > 0 {
        refund(tx, service, allowance, day, excess).await?;
    }
    let granted = wanted - u32::try_from(excess).expect("between nothing and what was wanted");
    Ok((granted, spent - excess))
}

/// Spends `wanted` or nothing; whether it was granted. For jobs, which are all or nothing.
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

/// Gives back what was granted and not used. A day is never left with less than nothing spent: a letter of a job that began
/// before midnight was counted yesterday.
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

/// How many are spent today.
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

/// Forgets the counters of the days before `day`.
pub async fn delete_before(tx: &mut Tx, day: UtcDay) -> Result<u64, Error> {
    tx.execute("DELETE FROM daily_counters WHERE day < $1", args![day])
        .await
}
