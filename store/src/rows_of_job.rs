//! The rows of a job in a table of notifications, present or past. Their ids lie in a range computed from the job, so no
//! index on the job is needed.

use std::collections::BTreeMap;

use domain::{JobOrigin, NotificationStatus};

use crate::{Error, Session, db::args};

/// Returns how many rows of a job `table` holds in each status.
pub(crate) async fn count_by_status(
    session: &mut Session,
    table: &'static str,
    origin: &JobOrigin,
) -> Result<BTreeMap<NotificationStatus, u32>, Error> {
    session.allow_long_statements();
    let rows = origin.rows();
    // The job is named as well: an id that was not computed from it could lie in the range by accident.
    let sql = format!(
        "SELECT status, count(*) AS number FROM {table} \
         WHERE id BETWEEN $1 AND $2 AND job_id = $3 GROUP BY status"
    );
    session
        .fetch_all(sql, args![*rows.start(), *rows.end(), origin.job])
        .await?
        .iter()
        .map(|row| Ok((row.parse(table, "status")?, row.get_u32(table, "number")?)))
        .collect()
}

/// Returns the numbers of the rows of a job that `table` holds, in order.
pub(crate) async fn list_row_numbers(
    session: &mut Session,
    table: &'static str,
    origin: &JobOrigin,
) -> Result<Vec<u32>, Error> {
    session.allow_long_statements();
    let rows = origin.rows();
    let sql = format!(
        // The ids of a job's rows sort like their numbers, so the primary key gives the order.
        "SELECT job_row_number FROM {table} WHERE id BETWEEN $1 AND $2 AND job_id = $3 ORDER BY id"
    );
    session
        .fetch_all(sql, args![*rows.start(), *rows.end(), origin.job])
        .await?
        .iter()
        .map(|row| row.get_u32(table, "job_row_number"))
        .collect()
}
