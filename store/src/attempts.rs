//! Attempts to send notifications: one row for each time that a provider is called, written before the call and completed
//! in the transaction that records its result. They hold no personal data, and are deleted with their notification.

use domain::{AttemptOutcome, NotificationId, Timestamp};

use crate::{
    Error, Session, Tx,
    db::{Arg, ColumnType, Row, Table, args, columns},
};

/// Longest detail that is stored, in characters. Providers' answers have a few words and a code.
const MAX_DETAIL: usize = 200;

/// An attempt that is about to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAttempt {
    /// Notification to send.
    pub notification: NotificationId,
    /// Its number among the attempts of the notification, from 1.
    pub number: u32,
    /// Provider, if only one can be chosen; otherwise it is recorded with the outcome.
    pub provider: Option<String>,
    /// When it begins.
    pub started_at: Timestamp,
}

/// The end of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptEnd {
    /// Notification that was sent.
    pub notification: NotificationId,
    /// Number of the attempt.
    pub number: u32,
    /// Provider that was called, if that is known.
    pub provider: Option<String>,
    /// When the provider was called.
    pub started_at: Timestamp,
    /// When the answer came.
    pub ended_at: Timestamp,
    /// What became of it.
    pub outcome: AttemptOutcome,
    /// What the provider answered, in our own words and its codes.
    pub detail: Option<String>,
}

/// An attempt as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Notification.
    pub notification: NotificationId,
    /// Number among the attempts of the notification, from 1.
    pub number: u32,
    /// Provider; none if it was not recorded.
    pub provider: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When the answer came; none if none was recorded.
    pub ended_at: Option<Timestamp>,
    /// What became of it; none if that was not recorded.
    pub outcome: Option<AttemptOutcome>,
    /// What the provider answered.
    pub detail: Option<String>,
}

static TABLE: Table<NewAttempt> = Table::new(
    "attempts",
    columns![attempt =>
        notification_id: Id = attempt.notification,
        number: Int = attempt.number,
        provider: Text = attempt.provider.clone(),
        started_at: Time = attempt.started_at,
    ],
);

const COLUMNS: &str = "notification_id, number, provider, started_at, ended_at, outcome, detail";

/// Inserts attempts that are about to begin. Returns how many were inserted: fewer if another process has begun some of
/// them.
pub async fn insert(tx: &mut Tx, attempts: &[NewAttempt]) -> Result<u64, Error> {
    tx.insert_rows(&TABLE, attempts).await
}

/// Types of the columns in which the end of an attempt is passed.
const END_COLUMNS: [ColumnType; 7] = [
    ColumnType::Id,
    ColumnType::Int,
    ColumnType::Text,
    ColumnType::Time,
    ColumnType::Time,
    ColumnType::Text,
    ColumnType::Text,
];

/// Records the ends of attempts.
pub async fn complete(tx: &mut Tx, ends: &[AttemptEnd]) -> Result<(), Error> {
    if ends.is_empty() {
        return Ok(());
    }
    let mut args = Vec::new();
    let ids = ends.iter().map(|end| end.notification);
    let pruned = tx.kind().within("attempts.notification_id", ids, &mut args);
    let rows = ends.iter().map(|end| {
        let detail = end.detail.as_deref();
        [
            end.notification.into(),
            end.number.into(),
            end.provider.as_deref().into(),
            end.started_at.into(),
            end.ended_at.into(),
            end.outcome.into(),
            detail
                .map(|detail| detail.chars().take(MAX_DETAIL).collect::<String>())
                .into(),
        ]
    });
    let rows = tx.kind().rows(END_COLUMNS, rows, &mut args);
    let sql = format!(
        "WITH ends (notification_id, number, provider, started_at, ended_at, outcome, detail) AS ({rows}) \
         UPDATE attempts SET provider = COALESCE(ends.provider, attempts.provider), started_at = ends.started_at, ended_at = ends.ended_at, \
         outcome = ends.outcome, detail = ends.detail FROM ends \
         WHERE attempts.notification_id = ends.notification_id AND attempts.number = ends.number{pruned}"
    );
    tx.execute(sql, args).await?;
    Ok(())
}

/// Deletes attempts that did not begin after all.
pub async fn delete(tx: &mut Tx, attempts: &[(NotificationId, u32)]) -> Result<(), Error> {
    if attempts.is_empty() {
        return Ok(());
    }
    let mut args = Vec::new();
    let ids = attempts.iter().map(|(id, _)| *id);
    let pruned = tx.kind().within("notification_id", ids, &mut args);
    let pairs = attempts
        .iter()
        .map(|(id, number)| [(*id).into(), (*number).into()]);
    let rows = tx
        .kind()
        .rows([ColumnType::Id, ColumnType::Int], pairs, &mut args);
    let sql = format!(
        "DELETE FROM attempts WHERE (notification_id, number) IN ({rows}) AND ended_at IS NULL{pruned}"
    );
    tx.execute(sql, args).await?;
    Ok(())
}

/// Deletes all attempts of notifications.
pub(crate) async fn delete_of(tx: &mut Tx, ids: &[NotificationId]) -> Result<(), Error> {
    let (chosen, args) = chosen(tx, ids);
    tx.execute(format!("DELETE FROM attempts WHERE {chosen}"), args)
        .await?;
    Ok(())
}

/// Returns the attempts of a notification in order. The caller knows that the notification belongs to the service that
/// asks.
pub async fn list(session: &mut Session, id: NotificationId) -> Result<Vec<Attempt>, Error> {
    let mut args = args![id];
    let pruned = session
        .kind()
        .within("notification_id", std::iter::once(id), &mut args);
    let sql = format!(
        "SELECT {COLUMNS} FROM attempts WHERE notification_id = $1{pruned} ORDER BY number"
    );
    parse_all(&session.fetch_all(sql, args).await?)
}

/// Returns the attempts of these notifications, in order for each of them.
pub async fn list_of(session: &mut Session, ids: &[NotificationId]) -> Result<Vec<Attempt>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let (chosen, args) = chosen(session, ids);
    let sql =
        format!("SELECT {COLUMNS} FROM attempts WHERE {chosen} ORDER BY notification_id, number");
    parse_all(&session.fetch_all(sql, args).await?)
}

fn chosen(session: &Session, ids: &[NotificationId]) -> (String, Vec<Arg>) {
    let (mut args, kind) = (Vec::new(), session.kind());
    let ids = ids.iter().copied();
    let chosen = kind.one_of("notification_id", ColumnType::Id, ids.clone(), &mut args);
    let pruned = kind.within("notification_id", ids, &mut args);
    (format!("{chosen}{pruned}"), args)
}

fn parse_all(rows: &[Row]) -> Result<Vec<Attempt>, Error> {
    rows.iter().map(parse).collect()
}

fn parse(row: &Row) -> Result<Attempt, Error> {
    const TABLE: &str = "attempts";
    Ok(Attempt {
        notification: row.get("notification_id")?,
        number: row.get_u32(TABLE, "number")?,
        provider: row.get("provider")?,
        started_at: row.get("started_at")?,
        ended_at: row.get("ended_at")?,
        outcome: row.parse_optional(TABLE, "outcome")?,
        detail: row.get("detail")?,
    })
}
