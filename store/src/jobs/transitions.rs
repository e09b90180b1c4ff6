//! Changes of a job while it is processed: its status, its cursor, and why it waits.

use domain::{JobId, JobStatus, ServiceId, Timestamp, UtcDay};

use crate::{
    Error, Tx,
    db::{args, parameters},
};

/// Changes the status if `domain` allows the transition. Returns whether it changed.
pub async fn set_status(
    tx: &mut Tx,
    service: ServiceId,
    id: JobId,
    next: JobStatus,
    problem: Option<&str>,
    at: Timestamp,
) -> Result<bool, Error> {
    let from: Vec<&str> = JobStatus::sources_of(next).map(JobStatus::as_str).collect();
    // `COALESCE` keeps the start through every other transition.
    let started = (next == JobStatus::InProgress).then_some(at);
    // A job that is resumed is not finished any more, so the column is cleared by every other status.
    let finished = next.is_terminal().then_some(at);
    let mut args = args![service, id, next, problem, at, started, finished];
    let sql = format!(
        "UPDATE jobs SET status = $3, problem = $4, updated_at = $5, \
         processing_started = COALESCE($6, processing_started), processing_finished = $7 \
         WHERE service_id = $1 AND id = $2 AND status IN ({})",
        parameters(args.len() + 1, from.len())
    );
    args.extend(from.into_iter().map(Into::into));
    Ok(tx.execute(sql, args).await? == 1)
}

/// Changes the status from `before` to `next`. Returns false if it is not `before`. For transitions that two callers
/// may try at once and that are right from one status only.
pub async fn set_status_from(
    tx: &mut Tx,
    service: ServiceId,
    id: JobId,
    before: JobStatus,
    next: JobStatus,
    at: Timestamp,
) -> Result<bool, Error> {
    debug_assert!(
        before.can_transition_to(next),
        "domain knows which changes are allowed"
    );
    let finished = next.is_terminal().then_some(at);
    let changed = tx
        .execute(
            // Counting a finished job must not move the time at which it finished.
            "UPDATE jobs SET status = $4, updated_at = $5, \
             processing_finished = CASE WHEN $6 IS NULL THEN NULL ELSE COALESCE(processing_finished, $6) END \
             WHERE service_id = $1 AND id = $2 AND status = $3",
            args![service, id, before, next, at, finished],
        )
        .await?;
    Ok(changed == 1)
}

/// Records the day from whose quota the job's whole count was spent.
pub async fn set_quota_day(
    tx: &mut Tx,
    service: ServiceId,
    id: JobId,
    day: UtcDay,
) -> Result<(), Error> {
    tx.execute(
        "UPDATE jobs SET quota_day = $3 WHERE service_id = $1 AND id = $2",
        args![service, id, day],
    )
    .await?;
    Ok(())
}

/// Advances the cursor from `before` to `after`. Returns false if it was not at `before` or the job is not in
/// progress: then another worker has stored these rows, and the caller must roll back.
pub async fn advance_cursor(
    tx: &mut Tx,
    service: ServiceId,
    id: JobId,
    before: u32,
    after: u32,
    at: Timestamp,
) -> Result<bool, Error> {
    let changed = tx
        .execute(
            // Compare-and-set on the cursor: of two workers on one job, one fails here and rolls its rows back.
            "UPDATE jobs SET rows_kept = $4, updated_at = $5, problem = NULL \
             WHERE service_id = $1 AND id = $2 AND rows_kept = $3 AND status = 'in progress'",
            args![service, id, before, after, at],
        )
        .await?;
    Ok(changed == 1)
}

/// Records why a job in progress cannot continue at the moment; cleared with its next rows.
pub async fn set_problem(
    tx: &mut Tx,
    service: ServiceId,
    id: JobId,
    why: &str,
    at: Timestamp,
) -> Result<(), Error> {
    tx.execute(
        "UPDATE jobs SET problem = $3, updated_at = $4 \
         WHERE service_id = $1 AND id = $2 AND status = 'in progress'",
        args![service, id, why, at],
    )
    .await?;
    Ok(())
}

/// Clears the reason for a pause, so that from now on it counts as requested by a user.
pub async fn clear_pause_reason(
    tx: &mut Tx,
    service: ServiceId,
    id: JobId,
    at: Timestamp,
) -> Result<(), Error> {
    tx.execute(
        "UPDATE jobs SET problem = NULL, updated_at = $3 WHERE service_id = $1 AND id = $2 AND status = 'paused'",
        args![service, id, at],
    )
    .await?;
    Ok(())
}
