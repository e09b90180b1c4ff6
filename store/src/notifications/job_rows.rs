//! The notifications of a job. Their ids lie in a range computed from the job, so no index on the job is needed.

use std::collections::BTreeMap;

use domain::{JobOrigin, NotificationStatus, Timestamp};

use crate::{
    Error, Session, Tx,
    db::{Arg, args, parameters},
    rows_of_job,
};

/// Returns how many rows of a job are in each status.
pub async fn count_by_status(
    session: &mut Session,
    origin: &JobOrigin,
) -> Result<BTreeMap<NotificationStatus, u32>, Error> {
    rows_of_job::count_by_status(session, "notifications", origin).await
}

/// Cancels those rows of a job that may still be cancelled, and sets their billable units to 0. Returns how many.
pub async fn cancel_rows(tx: &mut Tx, origin: &JobOrigin, at: Timestamp) -> Result<u64, Error> {
    tx.allow_long_statements();
    let rows = origin.rows();
    let cancelled = NotificationStatus::Cancelled;
    let from: Vec<&str> = NotificationStatus::sources_of(cancelled)
        .map(NotificationStatus::as_str)
        .collect();
    let mut args = args![*rows.start(), *rows.end(), origin.job, cancelled, at];
    let sql = format!(
        // A letter that a print run has claimed, or that a provider may have, will be printed, so it cannot be cancelled.
        "UPDATE notifications SET status = $4, updated_at = $5, billable_units = 0 \
         WHERE id BETWEEN $1 AND $2 AND job_id = $3 AND sent_by IS NULL AND print_deadline IS NULL \
         AND status IN ({})",
        parameters(args.len() + 1, from.len())
    );
    args.extend(from.into_iter().map(Arg::from));
    tx.execute(sql, args).await
}

/// Returns the row numbers of a job that are stored, in order.
pub async fn list_row_numbers(
    session: &mut Session,
    origin: &JobOrigin,
) -> Result<Vec<u32>, Error> {
    rows_of_job::list_row_numbers(session, "notifications", origin).await
}
