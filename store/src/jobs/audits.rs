//! What the audits look for: jobs that are late, stand still, or have just finished.

use domain::{JobId, JobStatus, ServiceId, Timestamp};

use super::{COLUMNS, Job, parse_job};
use crate::{
    Error, Session, Tx,
    db::{args, parameters},
};

/// Returns up to `count` jobs of all services that are in one of these statuses, have not changed since `since`, and
/// were resumed fewer than `resumptions` times; least recently changed first. For audits.
pub async fn list_unchanged(
    session: &mut Session,
    statuses: &[JobStatus],
    since: Timestamp,
    resumptions: u32,
    count: u32,
) -> Result<Vec<Job>, Error> {
    session.allow_long_statements();
    let mut args = args![since, count, resumptions];
    let sql = format!(
        "SELECT {COLUMNS} FROM jobs WHERE status IN ({}) AND COALESCE(updated_at, created_at) < $1 \
         AND resumptions < $3 ORDER BY COALESCE(updated_at, created_at) LIMIT $2",
        parameters(args.len() + 1, statuses.len())
    );
    args.extend(statuses.iter().copied().map(Into::into));
    session
        .fetch_all(sql, args)
        .await?
        .iter()
        .map(parse_job)
        .collect()
}

/// Returns up to `count` jobs that were due before `before` and are not over, longest overdue first. For audits.
pub async fn list_overdue(
    session: &mut Session,
    before: Timestamp,
    count: u32,
) -> Result<Vec<Job>, Error> {
    session.allow_long_statements();
    let sql = format!(
        // A job paused by its owner is not overdue.
        "SELECT {COLUMNS} FROM jobs WHERE status IN ('pending', 'in progress', 'error') AND due < $1 \
         ORDER BY due LIMIT $2"
    );
    let found = session.fetch_all(sql, args![before, count]).await?;
    found.iter().map(parse_job).collect()
}

/// Returns up to `count` jobs that finished between the two times and have not been counted since.
pub async fn list_finished(
    session: &mut Session,
    after: Timestamp,
    before: Timestamp,
    count: u32,
) -> Result<Vec<Job>, Error> {
    session.allow_long_statements();
    session
        .fetch_all(
            format!(
                "SELECT {COLUMNS} FROM jobs WHERE status = 'finished' AND processing_finished > $1 \
                 AND processing_finished <= $2 ORDER BY processing_finished LIMIT $3"
            ),
            args![after, before, count],
        )
        .await?
        .iter()
        .map(parse_job)
        .collect()
}

/// Counts a resumption by an audit, and returns how many there were since the last new row.
pub async fn count_resumption(tx: &mut Tx, service: ServiceId, id: JobId) -> Result<u32, Error> {
    let row = tx
        .fetch_optional(
            // A resumption that stored new rows was worth it, so counting starts again.
            "UPDATE jobs SET resumptions = CASE WHEN resumed_at_row = rows_kept THEN resumptions + 1 ELSE 1 END, \
             resumed_at_row = rows_kept WHERE service_id = $1 AND id = $2 RETURNING resumptions",
            args![service, id],
        )
        .await?;
    row.map_or(Ok(0), |row| row.get_u32("jobs", "resumptions"))
}

/// Resets the count of resumptions after a user has intervened.
pub async fn reset_resumptions(tx: &mut Tx, service: ServiceId, id: JobId) -> Result<(), Error> {
    tx.execute(
        "UPDATE jobs SET resumptions = 0, resumed_at_row = NULL WHERE service_id = $1 AND id = $2",
        args![service, id],
    )
    .await?;
    Ok(())
}
