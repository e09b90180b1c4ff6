//! How many bytes each service has stored: sealed messages, files, spreadsheets and letters, with test keys and in bulk
//! too (`docs/spec/public-api.md` §4).
//!
//! The bytes are counted in the transaction that stores them, beside the daily quotas ([`crate::counters`]), so that a
//! look-up adds up some hundred counters however many messages there are. A message counts on the day in its id; when
//! retention ends a day, its counters are cleared with it. Files have one counter, since they end one by one. What no
//! transaction can count – a file without its row after a crash, what an erasure removed – is corrected by an audit.

use domain::{Channel, ServiceId, UtcDay, day_bounds};

use crate::{
    Error, Session, Tx,
    counters::{Change, Key},
    db::args,
};

/// Name of the counter of files.
const FILES: &str = "files";
/// Day of that counter.
const NO_DAY: UtcDay = UtcDay::from_number(0);

/// What a number of bytes belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stored {
    /// Messages of a channel with this day in their ids, and the pages of letters.
    Messages(Channel, UtcDay),
    /// Files by e-mail and of templates, spreadsheets, contact lists.
    Files,
}

impl Stored {
    const fn key(self, service: ServiceId) -> Key {
        match self {
            Self::Messages(channel, day) => Key::named(service, channel.as_str(), day),
            Self::Files => Key::named(service, FILES, NO_DAY),
        }
    }
}

/// Adds bytes, or subtracts them if the number is negative. The sum of a counter never falls below zero.
pub async fn add(tx: &mut Tx, service: ServiceId, what: Stored, bytes: i64) -> Result<(), Error> {
    let (key, number) = (what.key(service), 0);
    let change = Change { number, bytes };
    match bytes {
        0 => {}
        1.. => {
            key.add(tx, change).await?;
        }
        _ => key.subtract(tx, change).await?,
    }
    Ok(())
}

/// Returns how many bytes a service has stored.
pub async fn find(session: &mut Session, service: ServiceId) -> Result<i64, Error> {
    let row = session
        .fetch_optional(
            // The sum of integers is of another type on PostgreSQL.
            "SELECT CAST(COALESCE(SUM(stored_bytes), 0) AS bigint) AS bytes FROM daily_counter_parts \
             WHERE service_id = $1",
            args![service],
        )
        .await?;
    row.map_or(Ok(0), |row| row.get("bytes"))
}

/// Clears the counters of a service and channel for the days before `before`, whose messages have been deleted.
pub async fn clear_before(
    tx: &mut Tx,
    service: ServiceId,
    channel: Channel,
    before: UtcDay,
) -> Result<(), Error> {
    tx.execute(
        "UPDATE daily_counter_parts SET stored_bytes = 0 \
         WHERE allowance = $1 AND day < $2 AND stored_bytes > 0 AND service_id = $3",
        args![channel, before, service],
    )
    .await?;
    Ok(())
}

/// Clears the counters of all services for a day whose messages have been deleted together. Earlier days keep theirs: one
/// of them may have a letter that is still on its way.
pub async fn clear_day(tx: &mut Tx, day: UtcDay) -> Result<(), Error> {
    tx.execute(
        "UPDATE daily_counter_parts SET stored_bytes = 0 \
         WHERE allowance IN ('email', 'sms', 'letter') AND day = $1 AND stored_bytes > 0",
        args![day],
    )
    .await?;
    Ok(())
}

/// A number of bytes of a service.
pub type Sum = (ServiceId, Stored, i64);

/// Returns what the counters of messages of a day say.
pub async fn list_counted(session: &mut Session, day: UtcDay) -> Result<Vec<Sum>, Error> {
    let rows = session
        .fetch_all(
            "SELECT service_id, allowance, stored_bytes FROM daily_counter_parts \
             WHERE day = $1 AND allowance IN ('email', 'sms', 'letter')",
            args![day],
        )
        .await?;
    let sum = |row: &crate::db::Row| {
        let channel = row.parse("daily_counter_parts", "allowance")?;
        let bytes = row.get("stored_bytes")?;
        Ok((
            row.get("service_id")?,
            Stored::Messages(channel, day),
            bytes,
        ))
    };
    rows.iter().map(sum).collect()
}

/// Adds up the messages with this day in their ids. Reads all of them: for audits.
pub async fn measure_messages(session: &mut Session, day: UtcDay) -> Result<Vec<Sum>, Error> {
    session.allow_long_statements();
    let (first, after) = day_bounds(day);
    let rows = session
        .fetch_all(
            "SELECT service_id, notification_type, CAST(SUM(length(sealed) + file_bytes) AS bigint) AS bytes \
             FROM notifications WHERE id >= $1 AND id < $2 GROUP BY service_id, notification_type",
            args![first, after],
        )
        .await?;
    let sum = |row: &crate::db::Row| {
        let channel = row.parse("notifications", "notification_type")?;
        let bytes = row.get("bytes")?;
        Ok((
            row.get("service_id")?,
            Stored::Messages(channel, day),
            bytes,
        ))
    };
    rows.iter().map(sum).collect()
}

/// Returns what the counters of files say.
pub async fn list_counted_files(session: &mut Session) -> Result<Vec<Sum>, Error> {
    let rows = session
        .fetch_all(
            "SELECT service_id, stored_bytes AS bytes FROM daily_counter_parts WHERE allowance = $1 AND day = $2",
            args![FILES, NO_DAY],
        )
        .await?;
    rows.iter().map(file_sum).collect()
}

/// Adds up the sizes of all files. Reads the rows of all of them: for audits.
pub async fn measure_files(session: &mut Session) -> Result<Vec<Sum>, Error> {
    session.allow_long_statements();
    let rows = session
        .fetch_all(
            "SELECT service_id, CAST(SUM(size_bytes) AS bigint) AS bytes FROM ( \
               SELECT service_id, size_bytes FROM documents \
               UNION ALL SELECT service_id, bytes FROM letter_attachments \
               UNION ALL SELECT service_id, bytes FROM letter_logos \
               UNION ALL SELECT service_id, size_bytes FROM template_files \
               UNION ALL SELECT service_id, size_bytes FROM contact_lists WHERE archived = $1 \
               UNION ALL SELECT service_id, size_bytes FROM spreadsheets \
             ) AS files GROUP BY service_id",
            args![false],
        )
        .await?;
    rows.iter().map(file_sum).collect()
}

fn file_sum(row: &crate::db::Row) -> Result<Sum, Error> {
    Ok((row.get("service_id")?, Stored::Files, row.get("bytes")?))
}
