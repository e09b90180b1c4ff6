//! Daily counters of the quotas. A counter is checked and incremented in one statement; rows are never counted. Days
//! are UTC (`docs/spec/public-api.md` §4).

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
    let key = Key {
        service,
        allowance,
        day,
    };
    // Add first and subtract the excess: checking first would need a lock before the row exists.
    let spent = key.add(tx, i64::from(wanted)).await?;
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
struct Key {
    service: ServiceId,
    allowance: Allowance,
    day: UtcDay,
}

impl Key {
    /// Adds `number`, which may be negative, and returns the new value, which is never below zero. Creates the counter if
    /// there is none.
    async fn add(self, tx: &mut Tx, number: i64) -> Result<i64, Error> {
        for _ in 0..MAX_TRIES {
            if let Some(spent) = self.add_to_newest(tx, number).await? {
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

    async fn add_to_newest(self, tx: &mut Tx, number: i64) -> Result<Option<i64>, Error> {
        let row = tx
            .fetch_optional(
                "UPDATE daily_counter_parts SET changes = changes + 1, \
                   spent = CASE WHEN spent + $4 > 0 THEN spent + $4 ELSE 0 END \
                 WHERE service_id = $1 AND allowance = $2 AND day = $3 AND part = \
                   (SELECT part FROM daily_counter_parts WHERE service_id = $1 AND allowance = $2 AND day = $3 \
                    ORDER BY part DESC LIMIT 1) \
                 RETURNING spent, part, changes",
                args![self.service, self.allowance, self.day, number],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let (spent, changes): (i64, i64) = (row.get("spent")?, row.get("changes")?);
        if changes >= MAX_CHANGES {
            self.move_on(tx, row.get("part")?, spent).await?;
        }
        Ok(Some(spent))
    }

    /// Moves the counter to a new row. The old one is locked by this transaction.
    async fn move_on(self, tx: &mut Tx, part: i64, spent: i64) -> Result<(), Error> {
        tx.execute(
            "INSERT INTO daily_counter_parts (service_id, allowance, day, part, spent, changes) VALUES ($1, $2, $3, $4, $5, 0)",
            args![self.service, self.allowance, self.day, part + 1, spent],
        )
        .await?;
        tx.execute(
            "DELETE FROM daily_counter_parts WHERE service_id = $1 AND allowance = $2 AND day = $3 AND part = $4",
            args![self.service, self.allowance, self.day, part],
        )
        .await?;
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

/// Subtracts what was granted and not used. The counter never falls below zero: the letters of a job that began
/// before midnight were counted on the day before.
pub async fn refund(
    tx: &mut Tx,
    service: ServiceId,
    allowance: Allowance,
    day: UtcDay,
    excess: i64,
) -> Result<(), Error> {
    let key = Key {
        service,
        allowance,
        day,
    };
    // A day on which nothing was spent gets no row.
    if find(tx, key).await?.is_some() {
        key.add(tx, -excess).await?;
    }
    Ok(())
}

/// Returns today's counter.
pub async fn find_spent(
    session: &mut Session,
    service: ServiceId,
    allowance: Allowance,
    day: UtcDay,
) -> Result<i64, Error> {
    let key = Key {
        service,
        allowance,
        day,
    };
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

/// Deletes the counters of the days before `day`.
pub async fn delete_before(tx: &mut Tx, day: UtcDay) -> Result<u64, Error> {
    tx.allow_long_statements();
    tx.execute("DELETE FROM daily_counter_parts WHERE day < $1", args![day])
        .await
}
