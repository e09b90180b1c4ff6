//! Letters that print providers and the post report on, wherever they are: stored, or already lines of history. Most
//! returned letters, and all late responses, are about the latter.

use std::collections::HashSet;

use domain::{Channel, NotificationId, NotificationStatus, ServiceId, Timestamp};

use crate::{
    Error, Tx,
    db::{Arg, Row, args, parameters},
    notifications::FinalStatus,
};

/// A letter, as far as reports about it need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintedLetter {
    /// Id of the letter.
    pub id: NotificationId,
    /// Service that sent it.
    pub service_id: ServiceId,
    /// Current status.
    pub status: NotificationStatus,
    /// Sheets of paper.
    pub billable_units: u32,
    /// Reference printed on it.
    pub reference: String,
    /// When a print provider accepted it.
    pub sent_at: Option<Timestamp>,
    /// Whether only its line of history is left.
    pub is_archived: bool,
}

impl PrintedLetter {
    const fn table(is_archived: bool) -> &'static str {
        if is_archived {
            "notification_history"
        } else {
            "notifications"
        }
    }

    /// Returns its new status, for the callback to its service.
    pub const fn final_status(&self, status: NotificationStatus, at: Timestamp) -> FinalStatus {
        FinalStatus {
            id: self.id,
            service_id: self.service_id,
            channel: Channel::Letter,
            status,
            sent_at: self.sent_at,
            at,
        }
    }
}

/// Returns the letters of any service that have one of these references, and locks them until the transaction ends. A
/// reference is looked for in the history only if no stored letter has it.
pub async fn lock_by_reference(
    tx: &mut Tx,
    references: &[&str],
) -> Result<Vec<PrintedLetter>, Error> {
    let mut found = lock(tx, false, "reference", references.iter().copied()).await?;
    let known: HashSet<String> = found.iter().map(|one| one.reference.clone()).collect();
    let rest = references.iter().copied();
    let rest: Vec<&str> = rest.filter(|one| !known.contains(*one)).collect();
    found.extend(lock(tx, true, "reference", rest.into_iter()).await?);
    Ok(found)
}

/// Returns a letter of any service, and locks it until the transaction ends.
pub async fn lock_by_id(tx: &mut Tx, id: NotificationId) -> Result<Option<PrintedLetter>, Error> {
    for is_archived in [false, true] {
        let found = lock(tx, is_archived, "id", [id].into_iter()).await?;
        if let Some(letter) = found.into_iter().next() {
            return Ok(Some(letter));
        }
    }
    Ok(None)
}

async fn lock<K: Into<Arg>>(
    tx: &mut Tx,
    is_archived: bool,
    column: &str,
    keys: impl ExactSizeIterator<Item = K>,
) -> Result<Vec<PrintedLetter>, Error> {
    if keys.len() == 0 {
        return Ok(Vec::new());
    }
    let sql = format!(
        // In the order of ids, so that two response files about the same letters wait for each other and do not deadlock.
        "SELECT id, service_id, status, billable_units, COALESCE(reference, '') AS reference, sent_at FROM {} \
         WHERE notification_type = 'letter' AND {column} IN ({}) ORDER BY id {}",
        PrintedLetter::table(is_archived),
        parameters(1, keys.len()),
        tx.kind().for_update()
    );
    let rows = tx.fetch_all(sql, keys.map(Into::into).collect()).await?;
    rows.iter().map(|row| parse(row, is_archived)).collect()
}

/// Gives letters a status, those whose status is one of `from`; `problem` is the reason of a failure, which is stored with
/// letters that are no line of history yet. Returns how many were changed.
pub async fn set_status(
    tx: &mut Tx,
    letters: &[&PrintedLetter],
    next: NotificationStatus,
    from: impl Iterator<Item = NotificationStatus>,
    problem: Option<&str>,
    at: Timestamp,
) -> Result<u64, Error> {
    let from: Vec<NotificationStatus> = from.collect();
    let mut changed = 0;
    for is_archived in [false, true] {
        let ids = letters.iter().filter(|one| one.is_archived == is_archived);
        let ids: Vec<NotificationId> = ids.map(|one| one.id).collect();
        if ids.is_empty() {
            continue;
        }
        let mut args = args![next, at];
        let mut set = "status = $1, updated_at = $2".to_owned();
        if !is_archived {
            args.push(problem.into());
            set.push_str(", problem = $3");
        }
        let allowed = parameters(args.len() + 1, from.len());
        args.extend(from.iter().copied().map(Arg::from));
        let list = parameters(args.len() + 1, ids.len());
        args.extend(ids.iter().copied().map(Arg::from));
        let pruned = if is_archived {
            String::new()
        } else {
            tx.kind().within("id", ids.iter().copied(), &mut args)
        };
        let table = PrintedLetter::table(is_archived);
        let sql = format!(
            "UPDATE {table} SET {set} WHERE status IN ({allowed}) AND id IN ({list}){pruned}"
        );
        changed += tx.execute(sql, args).await?;
    }
    Ok(changed)
}

fn parse(row: &Row, is_archived: bool) -> Result<PrintedLetter, Error> {
    let table = PrintedLetter::table(is_archived);
    Ok(PrintedLetter {
        id: row.get("id")?,
        service_id: row.get("service_id")?,
        status: row.parse(table, "status")?,
        billable_units: row.get_u32(table, "billable_units")?,
        reference: row.get("reference")?,
        sent_at: row.get("sent_at")?,
        is_archived,
    })
}
