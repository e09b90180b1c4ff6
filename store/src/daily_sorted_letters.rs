//! Daily counts of sorted and unsorted letters, one row for each response file (`docs/spec/letters.md` §8.4).

use domain::Timestamp;
use uuid::Uuid;

use crate::{
    Error, Session, Tx,
    db::{Row, args},
};

/// What one response file counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DailySortedLetter {
    /// Local day, counted from 1 January 1970.
    pub billing_day: i64,
    /// Whole key of the file.
    pub file_name: String,
    /// Letters that were posted as sorted mail.
    pub sorted_count: u32,
    /// All others.
    pub unsorted_count: u32,
    /// When a file of the same name last replaced the counts.
    pub updated_at: Option<Timestamp>,
}

/// Stores the counts of a file, replacing those of an earlier file of the same name. `id` is that of a new row.
pub async fn upsert(
    tx: &mut Tx,
    id: Uuid,
    counts: &DailySortedLetter,
    now: Timestamp,
) -> Result<(), Error> {
    tx.execute(
        // Replaced, not added: the same file arrives more than once.
        "INSERT INTO daily_sorted_letter (id, billing_day, file_name, sorted_count, unsorted_count) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (file_name, billing_day) DO UPDATE \
         SET sorted_count = excluded.sorted_count, unsorted_count = excluded.unsorted_count, updated_at = $6",
        args![
            id,
            counts.billing_day,
            &*counts.file_name,
            counts.sorted_count,
            counts.unsorted_count,
            now
        ],
    )
    .await?;
    Ok(())
}

/// Returns the counts of these days, the last one included, by day and file name.
pub async fn list(
    session: &mut Session,
    first_day: i64,
    last_day: i64,
) -> Result<Vec<DailySortedLetter>, Error> {
    session
        .fetch_all(
            "SELECT billing_day, file_name, sorted_count, unsorted_count, updated_at FROM daily_sorted_letter \
             WHERE billing_day BETWEEN $1 AND $2 ORDER BY billing_day, file_name",
            args![first_day, last_day],
        )
        .await?
        .iter()
        .map(parse)
        .collect()
}

fn parse(row: &Row) -> Result<DailySortedLetter, Error> {
    const TABLE: &str = "daily_sorted_letter";
    Ok(DailySortedLetter {
        billing_day: row.get("billing_day")?,
        file_name: row.get("file_name")?,
        sorted_count: row.get_u32(TABLE, "sorted_count")?,
        unsorted_count: row.get_u32(TABLE, "unsorted_count")?,
        updated_at: row.get("updated_at")?,
    })
}
