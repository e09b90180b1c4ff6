//! The nightly print run (`docs/spec/letters.md` §7): letters that wait for it, what a run has claimed, and the batches in
//! which letters are handed over together.
//!
//! A letter waits while `to_print_at` is set. A run claims it by setting `print_deadline`, in the transaction that enqueues
//! its hand-over; a letter with that column cannot be cancelled, and a cancelled one is not claimed.

use std::collections::BTreeMap;

use domain::{NotificationId, NotificationStatus, Postage, ServiceId, Timestamp};
use uuid::Uuid;

use crate::{
    Error, Session, Tx,
    db::{Arg, Row, Table, args, columns, parameters},
};

/// Letter that waits for a print run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingLetter {
    /// Id of the letter.
    pub id: NotificationId,
    /// Service that sends it.
    pub service_id: ServiceId,
    /// When it was created.
    pub created_at: Timestamp,
    /// Current status: one that is no longer `created` is not printed.
    pub status: NotificationStatus,
    /// Its sheets.
    pub sheets: u32,
    /// Class of postage.
    pub postage: Postage,
    /// Size of its pages.
    pub file_bytes: u64,
}

/// Lets a letter whose pages are made wait for the print run, if it is `created` with a normal key and does not wait yet.
/// Returns whether it does now for the first time.
pub async fn set_printable(
    tx: &mut Tx,
    service: ServiceId,
    letter: NotificationId,
    sheets: u32,
    at: Timestamp,
) -> Result<bool, Error> {
    let changed = tx
        .execute(
            "UPDATE notifications SET billable_units = $3, updated_at = $4, to_print_at = created_at \
             WHERE service_id = $1 AND id = $2 AND status = 'created' AND key_type = 'normal' \
             AND to_print_at IS NULL AND print_deadline IS NULL",
            args![service, letter, sheets, at],
        )
        .await?;
    Ok(changed == 1)
}

/// Returns whether letters wait that were created before a deadline.
pub async fn exist_waiting(session: &mut Session, deadline: Timestamp) -> Result<bool, Error> {
    let found = session
        .fetch_optional(
            // In the order of the index, so that PostgreSQL reads one entry and not all of them.
            "SELECT id FROM notifications WHERE to_print_at < $1 ORDER BY to_print_at, id LIMIT 1",
            args![deadline],
        )
        .await?;
    Ok(found.is_some())
}

/// Returns up to `count` letters that wait and were created before a deadline, oldest first, and locks them until the
/// transaction ends. Others may have claimed what this would have returned: fewer, or none, does not mean the last.
pub async fn lock_waiting(
    tx: &mut Tx,
    deadline: Timestamp,
    count: u32,
) -> Result<Vec<WaitingLetter>, Error> {
    tx.allow_long_statements();
    let sql = format!(
        "SELECT id, service_id, created_at, status, billable_units, postage, file_bytes FROM notifications \
         WHERE to_print_at < $1 ORDER BY to_print_at, id LIMIT $2 {}",
        tx.kind().for_update()
    );
    let rows = tx.fetch_all(sql, args![deadline, count]).await?;
    rows.iter().map(parse_waiting).collect()
}

fn parse_waiting(row: &Row) -> Result<WaitingLetter, Error> {
    let bytes: i64 = row.get("file_bytes")?;
    Ok(WaitingLetter {
        id: row.get("id")?,
        service_id: row.get("service_id")?,
        created_at: row.get("created_at")?,
        status: row.parse("notifications", "status")?,
        sheets: row.get_u32("notifications", "billable_units")?,
        postage: row
            .parse_optional("notifications", "postage")?
            .unwrap_or(Postage::Second),
        file_bytes: u64::try_from(bytes).unwrap_or_default(),
    })
}

/// Claims letters for the run with this deadline: they cannot be cancelled any more. Returns how many were claimed; those
/// that are no longer `created` are not.
pub async fn claim(tx: &mut Tx, deadline: Timestamp, ids: &[NotificationId]) -> Result<u64, Error> {
    let set = "to_print_at = NULL, print_deadline = $1";
    update_waiting(tx, set, "AND status = 'created'", args![deadline], ids).await
}

/// Lets letters wait no longer, because they were cancelled or have failed.
pub async fn forget(tx: &mut Tx, ids: &[NotificationId]) -> Result<u64, Error> {
    update_waiting(tx, "to_print_at = NULL", "", args![], ids).await
}

async fn update_waiting(
    tx: &mut Tx,
    set: &str,
    condition: &str,
    mut args: Vec<Arg>,
    ids: &[NotificationId],
) -> Result<u64, Error> {
    if ids.is_empty() {
        return Ok(0);
    }
    tx.allow_long_statements();
    let list = parameters(args.len() + 1, ids.len());
    args.extend(ids.iter().copied().map(Arg::from));
    let pruned = tx.kind().within("id", ids.iter().copied(), &mut args);
    let sql = format!(
        "UPDATE notifications SET {set} WHERE id IN ({list}){pruned} AND to_print_at IS NOT NULL {condition}"
    );
    tx.execute(sql, args).await
}

/// Records that a run has begun. A run that is repeated keeps its first beginning.
pub async fn begin(tx: &mut Tx, deadline: Timestamp, at: Timestamp) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO print_runs (deadline, started_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        args![deadline, at],
    )
    .await?;
    Ok(())
}

/// Records that no letter was left for a run.
pub async fn finish(tx: &mut Tx, deadline: Timestamp, at: Timestamp) -> Result<(), Error> {
    tx.execute(
        "UPDATE print_runs SET finished_at = $2 WHERE deadline = $1",
        args![deadline, at],
    )
    .await?;
    Ok(())
}

/// Returns whether a run has begun.
pub async fn has_begun(session: &mut Session, deadline: Timestamp) -> Result<bool, Error> {
    let found = session
        .fetch_optional(
            "SELECT deadline FROM print_runs WHERE deadline = $1",
            args![deadline],
        )
        .await?;
    Ok(found.is_some())
}

/// Returns whether no letter was left for a run at some time.
pub async fn has_finished(session: &mut Session, deadline: Timestamp) -> Result<bool, Error> {
    let found = session
        .fetch_optional(
            "SELECT deadline FROM print_runs WHERE deadline = $1 AND finished_at IS NOT NULL",
            args![deadline],
        )
        .await?;
    Ok(found.is_some())
}

/// Letters and sheets of a class of postage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Volume {
    /// Letters.
    pub letters: u64,
    /// Their sheets.
    pub sheets: u64,
}

/// Adds what a run has claimed for a provider.
pub async fn add_volumes(
    tx: &mut Tx,
    deadline: Timestamp,
    provider: &str,
    volumes: &BTreeMap<Postage, Volume>,
) -> Result<(), Error> {
    // In the order of the map, so that two runs at once wait for each other instead of deadlocking.
    for (postage, volume) in volumes {
        let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        tx.execute(
            "INSERT INTO print_run_volumes (deadline, provider, postage, letters, sheets) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (deadline, provider, postage) DO UPDATE \
             SET letters = print_run_volumes.letters + excluded.letters, \
             sheets = print_run_volumes.sheets + excluded.sheets",
            args![
                deadline,
                provider,
                postage.as_str(),
                count(volume.letters),
                count(volume.sheets)
            ],
        )
        .await?;
    }
    Ok(())
}

/// Returns what a run has claimed for each provider, by class of postage.
pub async fn volumes(
    session: &mut Session,
    deadline: Timestamp,
) -> Result<BTreeMap<String, BTreeMap<Postage, Volume>>, Error> {
    let rows = session
        .fetch_all(
            "SELECT provider, postage, letters, sheets FROM print_run_volumes WHERE deadline = $1",
            args![deadline],
        )
        .await?;
    let mut volumes: BTreeMap<String, BTreeMap<Postage, Volume>> = BTreeMap::new();
    for row in &rows {
        let count = |column| {
            row.get::<i64>(column)
                .map(|number| u64::try_from(number).unwrap_or_default())
        };
        let volume = Volume {
            letters: count("letters")?,
            sheets: count("sheets")?,
        };
        let of_provider = volumes.entry(row.get("provider")?).or_default();
        of_provider.insert(row.parse("print_run_volumes", "postage")?, volume);
    }
    Ok(volumes)
}

/// A print run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintRun {
    /// Letters created before it were taken.
    pub deadline: Timestamp,
    /// When it began.
    pub started_at: Timestamp,
    /// When no letter was left, the last time.
    pub finished_at: Option<Timestamp>,
}

/// Returns the latest runs, newest first.
pub async fn list(session: &mut Session, count: u32) -> Result<Vec<PrintRun>, Error> {
    session
        .fetch_all(
            "SELECT deadline, started_at, finished_at FROM print_runs ORDER BY deadline DESC LIMIT $1",
            args![count],
        )
        .await?
        .iter()
        .map(|row| {
            Ok(PrintRun {
                deadline: row.get("deadline")?,
                started_at: row.get("started_at")?,
                finished_at: row.get("finished_at")?,
            })
        })
        .collect()
}

/// Returns how many letters of a run are in each status, of those that retention has not removed.
pub async fn count_by_status(
    session: &mut Session,
    deadline: Timestamp,
) -> Result<BTreeMap<NotificationStatus, u64>, Error> {
    session.allow_long_statements();
    session
        .fetch_all(
            "SELECT status, COUNT(*) AS letters FROM notifications WHERE print_deadline = $1 GROUP BY status",
            args![deadline],
        )
        .await?
        .iter()
        .map(|row| {
            let letters: i64 = row.get("letters")?;
            let status = row.parse("notifications", "status")?;
            Ok((status, u64::try_from(letters).unwrap_or_default()))
        })
        .collect()
}

/// How far a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchState {
    /// Its letters are claimed.
    Claimed,
    /// Its file is with the provider.
    Put,
    /// Its letters are `sending`.
    Sent,
    /// Its file could not be put, or nothing was left for one, and its letters failed.
    Failed,
}

impl BatchState {
    const ALL: [Self; 4] = [Self::Claimed, Self::Put, Self::Sent, Self::Failed];

    /// Returns the name that is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Put => "put",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }
}

/// Letters that are handed over together, as one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintBatch {
    /// Primary key.
    pub id: Uuid,
    /// The run that it belongs to.
    pub deadline: Timestamp,
    /// The provider.
    pub provider: String,
    /// Counts the batches of the run for this provider, from 1.
    pub number: u32,
    /// Name of the file, once it is known.
    pub name: Option<String>,
    /// How far it is.
    pub state: BatchState,
    /// How many letters it has.
    pub letters: u32,
}

/// Letter of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLetter {
    /// Id of the letter.
    pub id: NotificationId,
    /// Service that sends it.
    pub service_id: ServiceId,
    /// When it was created.
    pub created_at: Timestamp,
}

static LETTERS: Table<(Uuid, BatchLetter)> = Table::new(
    "print_batch_letters",
    columns![row =>
        notification_id: Id = row.1.id,
        batch_id: Id = row.0,
        service_id: Id = row.1.service_id,
        created_at: Time = row.1.created_at,
    ],
);

/// Inserts a batch with its letters, numbered after those of the same run and provider, and returns its number. Of two runs
/// at once that give the same number one fails, and repeats its portion.
pub async fn insert_batch(
    tx: &mut Tx,
    (id, deadline, provider): (Uuid, Timestamp, &str),
    letters: &[BatchLetter],
    at: Timestamp,
) -> Result<u32, Error> {
    let count = i64::try_from(letters.len()).unwrap_or(i64::MAX);
    let state = BatchState::Claimed.as_str();
    let row = tx
        .fetch_optional(
            "INSERT INTO print_batches (id, deadline, provider, number, state, letters, created_at) \
             SELECT $1, $2, $3, COALESCE(MAX(number), 0) + 1, $4, $5, $6 FROM print_batches \
             WHERE deadline = $2 AND provider = $3 RETURNING number",
            args![id, deadline, provider, state, count, at],
        )
        .await?
        .ok_or_else(|| corrupt("number", "no row was inserted"))?;
    let rows: Vec<(Uuid, BatchLetter)> = letters.iter().map(|letter| (id, *letter)).collect();
    tx.insert_rows(&LETTERS, &rows).await?;
    row.get_u32("print_batches", "number")
}

fn corrupt(column: &'static str, what: &str) -> Error {
    Error::Corrupt {
        table: "print_batches",
        column,
        what: what.to_owned(),
    }
}

/// Returns a batch.
pub async fn find_batch(session: &mut Session, id: Uuid) -> Result<Option<PrintBatch>, Error> {
    let row = session
        .fetch_optional(
            "SELECT id, deadline, provider, number, name, state, letters FROM print_batches WHERE id = $1",
            args![id],
        )
        .await?;
    row.as_ref().map(parse_batch).transpose()
}

fn parse_batch(row: &Row) -> Result<PrintBatch, Error> {
    let state: String = row.get("state")?;
    let known = BatchState::ALL
        .into_iter()
        .find(|one| one.as_str() == state);
    Ok(PrintBatch {
        id: row.get("id")?,
        deadline: row.get("deadline")?,
        provider: row.get("provider")?,
        number: row.get_u32("print_batches", "number")?,
        name: row.get("name")?,
        state: known.ok_or_else(|| corrupt("state", &state))?,
        letters: row.get_u32("print_batches", "letters")?,
    })
}

/// Returns the letters of a batch, in the order in which they were created.
pub async fn list_batch_letters(
    session: &mut Session,
    batch: Uuid,
) -> Result<Vec<BatchLetter>, Error> {
    session
        .fetch_all(
            "SELECT notification_id, service_id, created_at FROM print_batch_letters WHERE batch_id = $1 \
             ORDER BY created_at, notification_id",
            args![batch],
        )
        .await?
        .iter()
        .map(|row| {
            Ok(BatchLetter {
                id: row.get("notification_id")?,
                service_id: row.get("service_id")?,
                created_at: row.get("created_at")?,
            })
        })
        .collect()
}

/// Records the name of a batch's file, and how far the batch is.
pub async fn set_batch_state(
    tx: &mut Tx,
    batch: Uuid,
    name: &str,
    state: BatchState,
    at: Timestamp,
) -> Result<(), Error> {
    tx.execute(
        "UPDATE print_batches SET name = $2, state = $3, updated_at = $4 WHERE id = $1",
        args![batch, name, state.as_str(), at],
    )
    .await?;
    Ok(())
}

/// Returns the names of the files that a provider was given from `after` on and before `before`, in this order.
pub async fn list_given_files(
    session: &mut Session,
    provider: &str,
    (after, before): (Timestamp, Timestamp),
) -> Result<Vec<String>, Error> {
    // Without an index: a run has a few batches.
    session
        .fetch_all(
            "SELECT name FROM print_batches WHERE provider = $1 AND state IN ('put', 'sent') \
             AND updated_at >= $2 AND updated_at < $3 AND name IS NOT NULL ORDER BY updated_at, name",
            args![provider, after, before],
        )
        .await?
        .iter()
        .map(|row| row.get("name"))
        .collect()
}

/// Deletes the list of the letters of a batch, which is not needed once they are `sending`.
pub async fn delete_batch_letters(tx: &mut Tx, batch: Uuid) -> Result<(), Error> {
    tx.execute(
        "DELETE FROM print_batch_letters WHERE batch_id = $1",
        args![batch],
    )
    .await?;
    Ok(())
}

/// Letter of a batch, with what its file in a zip is named for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintableLetter {
    /// Id of the letter.
    pub id: NotificationId,
    /// Service that sends it.
    pub service_id: ServiceId,
    /// When it was created.
    pub created_at: Timestamp,
    /// Current status.
    pub status: NotificationStatus,
    /// Reference that is printed on it.
    pub reference: String,
    /// Class of postage.
    pub postage: Postage,
}

/// Returns the letters of a batch with what their files are named for, in the order in which they were created. One that
/// retention or an operator has removed is not among them.
pub async fn list_printable(
    session: &mut Session,
    batch: Uuid,
) -> Result<Vec<PrintableLetter>, Error> {
    session
        .fetch_all(
            "SELECT notifications.id, notifications.service_id, notifications.created_at, notifications.status, \
             notifications.reference, notifications.postage \
             FROM print_batch_letters JOIN notifications \
             ON notifications.id = print_batch_letters.notification_id \
             AND notifications.service_id = print_batch_letters.service_id \
             WHERE print_batch_letters.batch_id = $1 \
             ORDER BY print_batch_letters.created_at, print_batch_letters.notification_id",
            args![batch],
        )
        .await?
        .iter()
        .map(|row| {
            let reference: Option<String> = row.get("reference")?;
            let postage = row.parse_optional("notifications", "postage")?;
            Ok(PrintableLetter {
                id: row.get("id")?,
                service_id: row.get("service_id")?,
                created_at: row.get("created_at")?,
                status: row.parse("notifications", "status")?,
                reference: reference.unwrap_or_default(),
                postage: postage.unwrap_or(Postage::Second),
            })
        })
        .collect()
}

/// Takes letters out of a batch that has not been put.
pub async fn remove_batch_letters(
    tx: &mut Tx,
    batch: Uuid,
    letters: &[NotificationId],
) -> Result<(), Error> {
    if letters.is_empty() {
        return Ok(());
    }
    let mut args = args![batch];
    let list = parameters(2, letters.len());
    args.extend(letters.iter().copied().map(Arg::from));
    tx.execute(
        format!(
            "DELETE FROM print_batch_letters WHERE batch_id = $1 AND notification_id IN ({list})"
        ),
        args,
    )
    .await?;
    Ok(())
}
