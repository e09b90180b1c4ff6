//! References of letters, unique among all letters there ever were (`docs/spec/letters.md` §1). A row stays when its letter
//! becomes a line of history: late responses and returns name it.

use std::collections::BTreeSet;

use domain::{Channel, NotificationId};

use super::SealedRow;
use crate::{
    Error, Tx,
    db::{Arg, Table, columns, parameters},
};

/// Letters of one statement.
const PORTION: usize = 500;

/// Reference of a letter.
struct LetterReference {
    reference: String,
    letter: NotificationId,
}

static TABLE: Table<LetterReference> = Table::new(
    "letter_references",
    columns![row =>
        reference: Text = row.reference.as_str(),
        notification_id: Id = row.letter,
    ],
);

/// Records the references of new letters, in the transaction that inserts them. Fails with [`Error::Exists`] if another letter
/// has one of them: the letters must be accepted again, with other references.
pub(super) async fn record(tx: &mut Tx, notifications: &[SealedRow]) -> Result<(), Error> {
    let letters = notifications
        .iter()
        .filter(|one| one.channel == Channel::Letter);
    let new: Vec<LetterReference> = letters
        .filter_map(|one| {
            Some(LetterReference {
                reference: one.reference.clone()?,
                letter: one.id,
            })
        })
        .collect();
    for portion in new.chunks(PORTION) {
        let stored = list_stored(tx, portion).await?;
        // A row that was there before has the reference of its first insertion.
        let own = portion
            .iter()
            .filter(|one| stored.contains(&(one.reference.clone(), one.letter)))
            .map(|one| LetterReference {
                reference: one.reference.clone(),
                letter: one.letter,
            });
        let own: Vec<LetterReference> = own.collect();
        let inserted = tx.insert_rows(&TABLE, &own).await?;
        if inserted < own.len() as u64 && is_taken(tx, &own).await? {
            return Err(Error::Exists);
        }
    }
    Ok(())
}

/// Returns the references with which these letters are stored.
async fn list_stored(
    tx: &mut Tx,
    letters: &[LetterReference],
) -> Result<BTreeSet<(String, NotificationId)>, Error> {
    let mut args: Vec<Arg> = letters.iter().map(|one| Arg::from(one.letter)).collect();
    let list = parameters(1, letters.len());
    let pruned = tx
        .kind()
        .within("id", letters.iter().map(|one| one.letter), &mut args);
    let sql = format!(
        "SELECT reference, id FROM notifications WHERE id IN ({list}){pruned} AND reference IS NOT NULL"
    );
    let rows = tx.fetch_all(sql, args).await?;
    rows.iter()
        .map(|row| Ok((row.get("reference")?, row.get("id")?)))
        .collect()
}

/// Returns whether another letter has one of these references.
async fn is_taken(tx: &mut Tx, letters: &[LetterReference]) -> Result<bool, Error> {
    let args = letters.iter().map(|one| Arg::from(one.reference.as_str()));
    let list = parameters(1, letters.len());
    let sql = format!(
        "SELECT reference, notification_id FROM letter_references WHERE reference IN ({list})"
    );
    for row in tx.fetch_all(sql, args.collect()).await? {
        let (reference, owner): (String, NotificationId) =
            (row.get("reference")?, row.get("notification_id")?);
        let is_of_another =
            |one: &LetterReference| one.reference == reference && one.letter != owner;
        if letters.iter().any(is_of_another) {
            return Ok(true);
        }
    }
    Ok(false)
}
