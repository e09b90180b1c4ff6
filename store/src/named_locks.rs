//! Work that only one may be at, in whatever process. Whoever has it says so again and again; of whom nothing is heard,
//! the next takes it over. The primary key decides between two.

use domain::Timestamp;
use uuid::Uuid;

use crate::{Error, Session, Tx, db::args};

/// Who has it, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockHolder {
    /// What they do.
    pub what: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when, if nothing more is heard of them.
    pub until: Timestamp,
}

/// Takes the work, if nobody has it; whether it was taken.
pub async fn acquire(
    tx: &mut Tx,
    name: &str,
    holder: Uuid,
    what: &str,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool, Error> {
    let touched = tx
        .execute(
            "INSERT INTO exclusive_work (name, holder, what, since, until) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, what = excluded.what, \
             since = excluded.since, until = excluded.until WHERE exclusive_work.until <= excluded.since",
            args![name, holder, what, now, until],
        )
        .await?;
    Ok(touched == 1)
}

/// Keeps the work for longer; false if another has it by now.
pub async fn renew(tx: &mut Tx, name: &str, holder: Uuid, until: Timestamp) -> Result<bool, Error> {
    let touched = tx
        .execute(
            "UPDATE exclusive_work SET until = $3 WHERE name = $1 AND holder = $2",
            args![name, holder, until],
        )
        .await?;
    Ok(touched == 1)
}

/// Gives the work up; harmless if another has it by now.
pub async fn release(tx: &mut Tx, name: &str, holder: Uuid) -> Result<(), Error> {
    tx.execute(
        "DELETE FROM exclusive_work WHERE name = $1 AND holder = $2",
        args![name, holder],
    )
    .await?;
    Ok(())
}

/// Who has the work, or had it last and has not given it up.
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
