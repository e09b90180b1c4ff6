//! Named locks across processes: work that only one process may do at a time. A holder renews its lock; a lock that
//! was not renewed in time can be acquired by another process. The primary key decides between two that try at once.

use domain::Timestamp;
use uuid::Uuid;

use crate::{Error, Session, Tx, db::args};

/// Holder of a lock, as shown to operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockHolder {
    /// What the holder does.
    pub what: String,
    /// When it acquired the lock.
    pub since: Timestamp,
    /// When the lock expires unless it is renewed.
    pub until: Timestamp,
}

/// Acquires the lock unless another holder has it. Returns whether it was acquired.
pub async fn acquire(
    tx: &mut Tx,
    name: &str,
    holder: Uuid,
    what: &str,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool, Error> {
    let changed = tx
        .execute(
            // The table keeps the name of the migration that created it. An expired lock is taken over in the same
            // statement, so that two processes cannot both do so.
            "INSERT INTO exclusive_work (name, holder, what, since, until) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, what = excluded.what, \
             since = excluded.since, until = excluded.until WHERE exclusive_work.until <= excluded.since",
            args![name, holder, what, now, until],
        )
        .await?;
    Ok(changed == 1)
}

/// Extends the lock to `until`. Returns false if another holder has it.
pub async fn renew(tx: &mut Tx, name: &str, holder: Uuid, until: Timestamp) -> Result<bool, Error> {
    let changed = tx
        .execute(
            "UPDATE exclusive_work SET until = $3 WHERE name = $1 AND holder = $2",
            args![name, holder, until],
        )
        .await?;
    Ok(changed == 1)
}

/// Releases the lock; does nothing if another holder has it.
pub async fn release(tx: &mut Tx, name: &str, holder: Uuid) -> Result<(), Error> {
    tx.execute(
        "DELETE FROM exclusive_work WHERE name = $1 AND holder = $2",
        args![name, holder],
    )
    .await?;
    Ok(())
}

/// Returns the current holder, or the last one if it neither released the lock nor renewed it.
pub async fn find(session: &mut Session, name: &str) -> Result<Option<LockHolder>, Error> {
    let row = session
        .fetch_optional(
            "SELECT what, since, until FROM exclusive_work WHERE name = $1",
            args![name],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(LockHolder {
        what: row.get("what")?,
        since: row.get("since")?,
        until: row.get("until")?,
    }))
}
