//! How many notifications of a local day have which status (`docs/spec/workers.md` §15.2).
//!
//! Triggers of the database record a change in the transaction that makes it (migration 0020), by the quarter of an hour in
//! which the notification was created. [`take_changes`] and [`add`] move the changes into the facts of a local day. Every
//! figure is the sum of both, read in one statement, so that it is exact at any time.

use std::time::Duration;

use domain::{Channel, JobId, KeyType, NotificationStatus, ServiceId, TemplateId, Timestamp};

use crate::{
    Error, Kind, Session, Tx,
    db::{Arg, Row, args},
};

const TABLE: &str = "ft_notification_status";
const QUARTER: Duration = Duration::from_mins(15);
/// The columns that tell facts of a day apart.
const KEY: &str = "service_id, template_id, job_id, notification_type, key_type, status";

/// What is counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StatusKey {
    /// Service.
    pub service: ServiceId,
    /// Template, in any version.
    pub template: TemplateId,
    /// Job; the id of zeros for a notification without one.
    pub job: JobId,
    /// Channel.
    pub channel: Channel,
    /// Kind of API key.
    pub key_type: KeyType,
    /// Status.
    pub status: NotificationStatus,
}

/// A change that is not in the facts yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusChange {
    /// A moment of the local day to which it belongs.
    pub at: Timestamp,
    /// What is counted.
    pub key: StatusKey,
    /// How many more, or fewer.
    pub change: i64,
}

/// The local days that a figure covers: their numbers, counted from 1 January 1970, and when they begin and end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayRange {
    /// Number of the first day.
    pub first: i64,
    /// Number of the last day, which is included.
    pub last: i64,
    /// Start of the first day.
    pub from: Timestamp,
    /// End of the last day.
    pub until: Timestamp,
}

impl DayRange {
    fn args(&self) -> Vec<Arg> {
        let quarter = |time: Timestamp| time.unix_micros() / micros(QUARTER);
        args![
            self.first,
            self.last,
            quarter(self.from),
            quarter(self.until)
        ]
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).expect("a constant of minutes")
}

/// A figure by channel, kind of API key and status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusCount {
    /// Channel.
    pub channel: Channel,
    /// Kind of API key.
    pub key_type: KeyType,
    /// Status.
    pub status: NotificationStatus,
    /// How many.
    pub count: i64,
}

/// Deletes up to `count` changes and returns them, for [`add`] in the same transaction. Changes that another transaction is
/// moving are left to it.
pub async fn take_changes(tx: &mut Tx, count: u32) -> Result<Vec<StatusChange>, Error> {
    let (address, locked) = match tx.kind() {
        Kind::Sqlite => ("rowid", ""),
        Kind::Postgres => ("ctid", "FOR UPDATE SKIP LOCKED"),
    };
    let sql = format!(
        "DELETE FROM ft_notification_status_changes WHERE {address} IN \
         (SELECT {address} FROM ft_notification_status_changes LIMIT $1 {locked}) \
         RETURNING quarter_hour, {KEY}, change"
    );
    let rows = tx.fetch_all(sql, args![count]).await?;
    rows.iter()
        .map(|row| {
            let quarter: i64 = row.get("quarter_hour")?;
            Ok(StatusChange {
                at: Timestamp::from_unix_micros(quarter.saturating_mul(micros(QUARTER))),
                key: key(row)?,
                change: row.get("change")?,
            })
        })
        .collect()
}

/// Adds to the fact of a local day. Call it for keys in ascending order, so that two transactions cannot block each other.
pub async fn add(tx: &mut Tx, local_day: i64, key: &StatusKey, change: i64) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO ft_notification_status \
         (local_day, service_id, template_id, job_id, notification_type, key_type, status, notification_count) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
         ON CONFLICT (service_id, local_day, template_id, job_id, notification_type, key_type, status) DO UPDATE \
         SET notification_count = ft_notification_status.notification_count + excluded.notification_count",
        args![
            local_day,
            key.service,
            key.template,
            key.job,
            key.channel,
            key.key_type,
            key.status,
            change
        ],
    )
    .await?;
    Ok(())
}

/// Deletes the facts of these days that add up to nothing: statuses that every notification has left.
pub async fn delete_empty(tx: &mut Tx, days: &DayRange) -> Result<u64, Error> {
    tx.execute(
        "DELETE FROM ft_notification_status WHERE local_day BETWEEN $1 AND $2 AND notification_count = 0",
        args![days.first, days.last],
    )
    .await
}

/// Returns the figures of a service, or of the whole platform.
pub async fn count(
    session: &mut Session,
    service: Option<ServiceId>,
    days: &DayRange,
) -> Result<Vec<StatusCount>, Error> {
    let rows = sum(
        session,
        service,
        days,
        "notification_type, key_type, status",
    )
    .await?;
    rows.iter().map(status_count).collect()
}

/// Returns the figures of a service by template.
pub async fn count_by_template(
    session: &mut Session,
    service: ServiceId,
    days: &DayRange,
) -> Result<Vec<(TemplateId, StatusCount)>, Error> {
    let columns = "template_id, notification_type, key_type, status";
    let rows = sum(session, Some(service), days, columns).await?;
    rows.iter()
        .map(|row| Ok((row.get("template_id")?, status_count(row)?)))
        .collect()
}

/// Adds up facts and changes, by these columns, and leaves out what adds up to nothing.
async fn sum(
    session: &mut Session,
    service: Option<ServiceId>,
    days: &DayRange,
    columns: &str,
) -> Result<Vec<Row>, Error> {
    let mut args = days.args();
    let of_service = service.map_or("", |service| {
        args.push(service.into());
        "AND service_id = $5"
    });
    let sql = format!(
        "SELECT {columns}, CAST(SUM(number) AS bigint) AS number FROM ( \
           SELECT {columns}, notification_count AS number FROM ft_notification_status \
           WHERE local_day BETWEEN $1 AND $2 {of_service} \
           UNION ALL SELECT {columns}, change AS number FROM ft_notification_status_changes \
           WHERE quarter_hour >= $3 AND quarter_hour < $4 {of_service} \
         ) AS figures GROUP BY {columns} HAVING SUM(number) <> 0 ORDER BY {columns}"
    );
    session.fetch_all(sql, args).await
}

/// Compares the facts and changes of a local day with the rows, live and archived, of channels and of keys that are no test
/// keys. Returns by how much the rows are more. Reads all rows of the day: for audits.
pub async fn compare_day(
    session: &mut Session,
    day: &DayRange,
    channels: &[Channel],
) -> Result<Vec<(StatusKey, i64)>, Error> {
    session.allow_long_statements();
    let none = match session.kind() {
        Kind::Sqlite => "zeroblob(16)",
        Kind::Postgres => "'00000000-0000-0000-0000-000000000000'",
    };
    let mut args = day.args();
    args.extend(args![day.from, day.until]);
    let of_channels = crate::db::parameters(args.len() + 1, channels.len());
    let condition = format!("key_type <> 'test' AND notification_type IN ({of_channels})");
    args.extend(channels.iter().copied().map(Arg::from));
    let of_rows = format!(
        "service_id, template_id, COALESCE(job_id, {none}) AS job_id, notification_type, key_type, status, 1 AS number"
    );
    // One statement, so that everything is as it was at one moment.
    let sql = format!(
        "SELECT {KEY}, CAST(SUM(number) AS bigint) AS number FROM ( \
           SELECT {of_rows} FROM notifications WHERE created_at >= $5 AND created_at < $6 AND {condition} \
           UNION ALL SELECT {of_rows} FROM notification_history WHERE created_at >= $5 AND created_at < $6 AND {condition} \
           UNION ALL SELECT {KEY}, -notification_count AS number FROM ft_notification_status \
           WHERE local_day BETWEEN $1 AND $2 AND {condition} \
           UNION ALL SELECT {KEY}, -change AS number FROM ft_notification_status_changes \
           WHERE quarter_hour >= $3 AND quarter_hour < $4 AND {condition} \
         ) AS figures GROUP BY {KEY} HAVING SUM(number) <> 0 ORDER BY {KEY}"
    );
    let rows = session.fetch_all(sql, args).await?;
    rows.iter()
        .map(|row| Ok((key(row)?, row.get("number")?)))
        .collect()
}

fn key(row: &Row) -> Result<StatusKey, Error> {
    Ok(StatusKey {
        service: row.get("service_id")?,
        template: row.get("template_id")?,
        job: row.get("job_id")?,
        channel: row.parse(TABLE, "notification_type")?,
        key_type: row.parse(TABLE, "key_type")?,
        status: row.parse(TABLE, "status")?,
    })
}

fn status_count(row: &Row) -> Result<StatusCount, Error> {
    Ok(StatusCount {
        channel: row.parse(TABLE, "notification_type")?,
        key_type: row.parse(TABLE, "key_type")?,
        status: row.parse(TABLE, "status")?,
        count: row.get("number")?,
    })
}
