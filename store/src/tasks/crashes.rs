//! Tasks whose workers die.
//!
//! A task that overflows the stack, uses up the memory or aborts ends its process, and would end the next one. `deaths`
//! counts the workers that died while they held its lease, whatever way they died. The first death may be anyone's: the
//! task is ready again at once. From [`SUSPECT_AFTER`] on the task waits, and runs at another time than those that were
//! lost with it. At [`MAX_CRASHES`] it becomes a dead letter.

use std::time::Duration;

use domain::{TaskId, Timestamp, WorkerId};
use uuid::Uuid;

use super::{DeadLetter, dead_letter, find_dead_letter};
use crate::{
    Error, Session, Tx,
    db::{Arg, args, parameters},
};

/// Crashes from which on a task may be their cause.
pub const SUSPECT_AFTER: u32 = 2;

/// Crashes that make a task a dead letter.
pub const MAX_CRASHES: u32 = 4;

/// Time between two tasks that may be the cause of a crash.
const PAUSE: Duration = Duration::from_secs(2);

/// Number of different times.
const PLACES: u128 = 8;

/// What became of the tasks of a dead worker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reclaimed {
    /// Number of tasks that will run again.
    pub released: u64,
    /// Tasks that will not.
    pub dead_letters: Vec<DeadLetter>,
}

/// Releases the leases of a dead worker; tasks that have crashed too many workers become dead letters. Call this only when
/// the worker is known to be dead.
pub async fn reclaim(tx: &mut Tx, worker: WorkerId, now: Timestamp) -> Result<Reclaimed, Error> {
    let mut reclaimed = Reclaimed::default();
    let sql = format!(
        // Leases that have expired are left out: those tasks are ready anyway, or have another worker.
        "SELECT id, lease, deaths FROM tasks \
         WHERE worker = $1 AND lease IS NOT NULL AND ready_at > $2 AND deaths + 1 >= $3 ORDER BY id {}",
        tx.kind().for_update()
    );
    let suspects = tx.fetch_all(sql, args![worker, now, SUSPECT_AFTER]).await?;
    for row in suspects {
        let (id, lease) = (row.get("id")?, row.get("lease")?);
        let deaths = row.get_u32("tasks", "deaths")? + 1;
        match settle_crash(tx, id, lease, deaths, now).await? {
            Some(letter) => reclaimed.dead_letters.push(letter),
            None => reclaimed.released += 1,
        }
    }
    reclaimed.released += tx
        .execute(
            "UPDATE tasks SET lease = NULL, worker = NULL, ready_at = $2, deaths = deaths + 1 \
             WHERE worker = $1 AND lease IS NOT NULL AND ready_at > $2",
            args![worker, now],
        )
        .await?;
    Ok(reclaimed)
}

/// Postpones a task that has crashed its worker, or moves it to the dead letters and returns it.
pub(super) async fn settle_crash(
    tx: &mut Tx,
    id: TaskId,
    lease: Uuid,
    deaths: u32,
    now: Timestamp,
) -> Result<Option<DeadLetter>, Error> {
    if deaths >= MAX_CRASHES {
        let why = describe(tx, id, deaths).await?;
        dead_letter(tx, id, lease, &why, now).await?;
        return find_dead_letter(tx, id).await;
    }
    tx.execute(
        "UPDATE tasks SET lease = NULL, worker = NULL, ready_at = $3, deaths = $4 WHERE id = $1 AND lease = $2",
        args![id, lease, now.plus(pause(id, deaths)), deaths],
    )
    .await?;
    Ok(None)
}

/// Returns how long a task waits. Tasks that were lost together wait differently, and differently each time, so that one
/// that crashes its worker does not always take the same others with it.
fn pause(id: TaskId, deaths: u32) -> Duration {
    let place = (id.as_uuid().as_u128() >> (3 * deaths)) % PLACES;
    PAUSE * (1 + u32::try_from(place).unwrap_or_default())
}

/// Says what happened, and to which notifications.
async fn describe(session: &mut Session, id: TaskId, deaths: u32) -> Result<String, Error> {
    let row = session
        .fetch_optional(
            "SELECT first_subject, last_subject FROM tasks WHERE id = $1",
            args![id],
        )
        .await?;
    let (mut first, mut last) = (None::<Uuid>, None::<Uuid>);
    if let Some(row) = row {
        (first, last) = (row.get("first_subject")?, row.get("last_subject")?);
    }
    let about = match (first, last) {
        (Some(first), Some(last)) if first == last => first.to_string(),
        (Some(first), Some(last)) => format!("{first} to {last}, which its payload names"),
        _ => "it".to_owned(),
    };
    Ok(format!(
        "{deaths} processes in a row died while they worked on {about}: out of memory, by an overflow of the stack, or \
         killed from outside"
    ))
}

/// Gives tasks at least this many crashes: they take over from a task that had them.
pub async fn set_crashes(tx: &mut Tx, ids: &[TaskId], crashes: u32) -> Result<(), Error> {
    if ids.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "UPDATE tasks SET deaths = $1 WHERE deaths < $1 AND id IN ({})",
        parameters(2, ids.len())
    );
    let mut arguments = args![crashes];
    arguments.extend(ids.iter().copied().map(Arg::from));
    tx.execute(sql, arguments).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_that_were_lost_together_run_at_different_times() {
        let pauses = |id: u128| [2, 3].map(|deaths| pause(Uuid::from_u128(id).into(), deaths));
        let all: Vec<_> = (0..512).map(|id| pauses(id << 6)).collect();
        for [one, other] in &all {
            assert!(*one >= PAUSE && *one <= PAUSE * 8 && *other >= PAUSE && *other <= PAUSE * 8);
        }
        let together = all.iter().filter(|pauses| **pauses == all[0]).count();
        assert!(
            together <= 8,
            "{together} of {} are always together",
            all.len()
        );
    }
}
