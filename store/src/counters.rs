//! Daily counters of the quotas. A counter is checked and incremented in one statement; rows are never counted. Days
//! are UTC (`docs/spec/public-api.md` §4). Beside what was spent, a counter has the bytes that were stored
//! ([`crate::stored_bytes`]), so that a commit changes both in one statement.

use domain::{Allowance, ServiceId, UtcDay};

use crate::{Error, Session, Tx, db::args};

/// Changes after which a counter moves to a new row: enough to make moving rare, few enough to step over.
const MAX_CHANGES: i64 = 500;

/// Times that a change is tried again after another transaction has moved the counter: once for each move that happens
/// while this one waits for its turn.
const MAX_TRIES: u32 = 100;

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
    spend_and_store(tx, service, allowance, day, wanted, limit, 0).await
}

/// Does the same as [`spend`], and adds `bytes` to what is stored, whatever is granted.
pub async fn spend_and_store(
    tx: &mut Tx,
    service: ServiceId,
    allowance: Allowance,
    day: UtcDay,
    wanted: u32,
    limit: i64,
    bytes: i64,
) -> Result<(u32, i64), Error> {
    let key = Key::new(service, allowance, day);
    // Add first and subtract the excess: checking first would need a lock before the row exists.
    let number = i64::from(wanted);
    let spent = key.add(tx, Change { number, bytes }).await?;
    // The limit may have been lowered since, so the excess can be larger than what was asked for.
    let excess = (spent - limit).clamp(0, i64::from(wanted));
    if excess > 0 {
        refund(tx, service, allowance, day, excess).await?;
    }
    let granted = wanted - u32::try_from(excess).expect("between nothing and what was wanted");
    Ok((granted, spent - excess))
}

/// The counter of an allowance for a day. Its value is in the row with the highest `part`; usually there is no other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    service: ServiceId,
    allowance: &'static str,
    day: UtcDay,
}

/// What is added to a counter. Both numbers may be negative; the counter is never below zero.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change {
    pub(crate) number: i64,
    pub(crate) bytes: i64,
}

impl Key {
    fn new(service: ServiceId, allowance: Allowance, day: UtcDay) -> Self {
        Self::named(service, allowance.as_str(), day)
    }

    /// Returns the key of a counter that is no quota.
    pub(crate) const fn named(service: ServiceId, allowance: &'static str, day: UtcDay) -> Self {
        Self {
            service,
            allowance,
            day,
        }
    }

    /// Adds to the counter, and returns the new number of what was spent. Creates the counter if there is none.
    pub(crate) async fn add(self, tx: &mut Tx, change: Change) -> Result<i64, Error> {
        for _ in 0..MAX_TRIES {
            if let Some(spent) = self.add_to_newest(tx, change).await? {
                return Ok(spent);
            }
            // It is the first of the day, or another transaction has moved the counter since this statement began.
            self.create(tx).await?;
        }
        Err(Error::Corrupt {
            table: "daily_counter_parts",
            column: "part",
            what: "the counter moves faster than it can be changed".to_owned(),
        })
    }

    async fn add_to_newest(self, tx: &mut Tx, change: Change) -> Result<Option<i64>, Error> {
        let row = tx
            .fetch_optional(
                "UPDATE daily_counter_parts SET changes = changes + 1, \
                   spent = CASE WHEN spent + $4 > 0 THEN spent + $4 ELSE 0 END, \
                   stored_bytes = CASE WHEN stored_bytes + $5 > 0 THEN stored_bytes + $5 ELSE 0 END \
                 WHERE service_id = $1 AND allowance = $2 AND day = $3 AND part = \
                   (SELECT part FROM daily_counter_parts WHERE service_id = $1 AND allowance = $2 AND day = $3 \
                    ORDER BY part DESC LIMIT 1) \
                 RETURNING spent, stored_bytes, part, changes",
                args![self.service, self.allowance, self.day, change.number, change.bytes],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let (spent, changes): (i64, i64) = (row.get("spent")?, row.get("changes")?);
        if changes >= MAX_CHANGES {
            let bytes = row.get("stored_bytes")?;
            self.move_on(tx, row.get("part")?, spent, bytes).await?;
        }
        Ok(Some(spent))
    }

    /// Moves the counter to a new row. The old one is locked by this transaction.
    async fn move_on(self, tx: &mut Tx, part: i64, spent: i64, bytes: i64) -> Result<(), Error> {
        tx.execute(
            "INSERT INTO daily_counter_parts (service_id, allowance, day, part, spent, stored_bytes, changes) \
             VALUES ($1, $2, $3, $4, $5, $6, 0)",
            args![self.service, self.allowance, self.day, part + 1, spent, bytes],
        )
        .await?;
        tx.execute(
            "DELETE FROM daily_counter_parts WHERE service_id = $1 AND allowance = $2 AND day = $3 AND part = $4",
            args![self.service, self.allowance, self.day, part],
        )
        .await?;
        Ok(())
    }

    /// Adds what is not above zero. A counter that does not exist is not created.
    pub(crate) async fn subtract(self, tx: &mut Tx, change: Change) -> Result<(), Error> {
        if find(tx, self).await?.is_some() {
            self.add(tx, change).await?;
        }
        Ok(())
    }

    async fn create(self, tx: &mut Tx) -> Result<(), Error> {
        tx.execute(
            // Only where there is none: a lower part than the newest would not be seen, but would stay.
            "INSERT INTO daily_counter_parts (service_id, allowance, day, part, spent, changes) \
             SELECT $1, $2, $3, 0, 0, 0 WHERE NOT EXISTS \
               (SELECT 1 FROM daily_counter_parts WHERE service_id = $1 AND allowance = $2 AND day = $3) \
             ON CONFLICT (service_id, allowance, day, part) DO NOTHING",
            args![self.service, self.allowance, self.day],
        )
        .await?;
        Ok(())
    }
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

/// Subtracts what was granted on this day and not used. The counter never falls below zero.
pub async fn refund(
    tx: &mut Tx,
    service: ServiceId,
    allowance: Allowance,
    day: UtcDay,
    excess: i64,
) -> Result<(), Error> {
    refund_and_remove(tx, service, allowance, day, excess, 0).await
}

/// Does the same as [`refund`], and subtracts `bytes` from what is stored.
pub async fn refund_and_remove(
    tx: &mut Tx,
    service: ServiceId,
    allowance: Allowance,
    day: UtcDay,
    excess: i64,
    bytes: i64,
) -> Result<(), Error> {
    let change = Change {
        number: -excess,
        bytes: -bytes,
    };
    Key::new(service, allowance, day).subtract(tx, change).await
}

/// Returns today's counter.
pub async fn find_spent(
    session: &mut Session,
    service: ServiceId,
    allowance: Allowance,
    day: UtcDay,
) -> Result<i64, Error> {
    let key = Key::new(service, allowance, day);
    Ok(find(session, key).await?.unwrap_or(0))
}

async fn find(session: &mut Session, key: Key) -> Result<Option<i64>, Error> {
    let row = session
        .fetch_optional(
            "SELECT spent FROM daily_counter_parts WHERE service_id = $1 AND allowance = $2 AND day = $3 \
             ORDER BY part DESC LIMIT 1",
            args![key.service, key.allowance, key.day],
        )
        .await?;
    row.map_or(Ok(None), |row| row.get("spent"))
}

/// Returns the services that have counted at least `least` of an allowance since a day, with how many.
pub async fn list_services_with(
    session: &mut Session,
    allowance: Allowance,
    since: UtcDay,
    least: i64,
) -> Result<Vec<(ServiceId, i64)>, Error> {
    // The older row of a counter that moves is gone before the newer one is seen, so the sum has each day once.
    let rows = session
        .fetch_all(
            "SELECT service_id, CAST(SUM(spent) AS BIGINT) AS spent FROM daily_counter_parts \
             WHERE allowance = $1 AND day >= $2 GROUP BY service_id HAVING SUM(spent) >= $3",
            args![allowance.as_str(), since, least],
        )
        .await?;
    rows.into_iter()
        .map(|row| Ok((row.get("service_id")?, row.get("spent")?)))
        .collect()
}

/// Deletes the counters of the days before `day`, unless what was stored on these days is still there.
pub async fn delete_before(tx: &mut Tx, day: UtcDay) -> Result<u64, Error> {
    tx.allow_long_statements();
    tx.execute(
        "DELETE FROM daily_counter_parts WHERE day < $1 AND stored_bytes = 0",
        args![day],
    )
    .await
}
