//! Jobs: one template sent to every row of a spreadsheet. The cursor `rows_kept` advances in the transaction that
//! stores the rows before it, so an interrupted job resumes where it stopped and every row is stored once.

use domain::{
    ApiKeyId, Channel, ContactListId, JobId, JobOrigin, JobStatus, KeyType, ServiceId, TemplateId,
    Timestamp, UserId,
};
use uuid::Uuid;

use crate::{
    Error, Session, Tx,
    db::{Row, Table, args, columns, parameters},
};

/// Job: one template sent to every row of one spreadsheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Id, given by the caller; also the id of its spreadsheet.
    pub id: JobId,
    /// Service that it belongs to.
    pub service_id: ServiceId,
    /// Template that is sent.
    pub template_id: TemplateId,
    /// Version of the template, fixed at creation.
    pub template_version: u32,
    /// Name of the uploaded file.
    pub original_file_name: String,
    /// Number of rows in the file.
    pub notification_count: u32,
    /// Chosen reply-to address or text message sender.
    pub sender_id: Option<Uuid>,
    /// User who created it.
    pub created_by: Option<UserId>,
    /// API key that it was created with, if it came through the API.
    pub api_key_id: Option<ApiKeyId>,
    /// Type of that key; `normal` for jobs that users create.
    pub key_type: KeyType,
    /// Reference of the service, for rows that have none.
    pub client_reference: Option<String>,
    /// Current status.
    pub status: JobStatus,
    /// Why it could not continue.
    pub problem: Option<String>,
    /// When its rows are due; the ids of its rows begin with this time.
    pub due: Timestamp,
    /// Requested start.
    pub scheduled_for: Option<Timestamp>,
    /// Cursor: the rows before this one are stored.
    pub rows_kept: u32,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Option<Timestamp>,
    /// When processing began.
    pub processing_started: Option<Timestamp>,
    /// When its last row was stored, or it stopped.
    pub processing_finished: Option<Timestamp>,
    /// Whether its file has been deleted.
    pub archived: bool,
    /// Contact list that it was created from.
    pub contact_list_id: Option<ContactListId>,
    /// How often an audit has resumed it since its last new row.
    pub resumptions: u32,
}

impl Job {
    /// Returns the inputs of its rows' ids.
    pub const fn origin(&self) -> JobOrigin {
        JobOrigin {
            job: self.id,
            service: self.service_id,
            due: self.due,
        }
    }
}

const COLUMNS: &str = "id, service_id, template_id, template_version, original_file_name, notification_count, \
                       sender_id, created_by, status, problem, due, scheduled_for, rows_kept, created_at, updated_at, \
                       processing_started, processing_finished, archived, contact_list_id, resumptions, api_key_id, \
                       key_type, client_reference";

static TABLE: Table<Job> = Table::new(
    "jobs",
    columns![job =>
        id: Id = job.id,
        service_id: Id = job.service_id,
        template_id: Id = job.template_id,
        template_version: Int = job.template_version,
        original_file_name: Text = &*job.original_file_name,
        notification_count: Int = job.notification_count,
        sender_id: Id = job.sender_id,
        created_by: Id = job.created_by,
        status: Text = job.status,
        problem: Text = job.problem.as_deref(),
        due: Time = job.due,
        scheduled_for: Time = job.scheduled_for,
        rows_kept: Int = job.rows_kept,
        created_at: Time = job.created_at,
        updated_at: Time = job.updated_at,
        processing_started: Time = job.processing_started,
        processing_finished: Time = job.processing_finished,
        archived: Bool = job.archived,
        contact_list_id: Id = job.contact_list_id,
        resumptions: Int = job.resumptions,
        api_key_id: Id = job.api_key_id,
        key_type: Text = job.key_type,
        client_reference: Text = job.client_reference.as_deref(),
    ],
);

/// Inserts a job. Fails with [`Error::Exists`] if the id is taken, by any service.
pub async fn insert(tx: &mut Tx, job: &Job) -> Result<(), Error> {
    tx.insert_row(&TABLE, job).await
}

/// Returns a job of a service.
pub async fn find(
    session: &mut Session,
    service: ServiceId,
    id: JobId,
) -> Result<Option<Job>, Error> {
    let row = session
        .fetch_optional(
            format!("SELECT {COLUMNS} FROM jobs WHERE service_id = $1 AND id = $2"),
            args![service, id],
        )
        .await?;
    row.as_ref().map(parse_job).transpose()
}

/// Returns the status of a job and locks the job until the transaction ends.
pub async fn lock_status(
    tx: &mut Tx,
    service: ServiceId,
    id: JobId,
) -> Result<Option<JobStatus>, Error> {
    let sql = format!(
        "SELECT status FROM jobs WHERE service_id = $1 AND id = $2 {}",
        tx.kind().for_update()
    );
    let row = tx.fetch_optional(sql, args![service, id]).await?;
    row.map(|row| row.parse("jobs", "status")).transpose()
}

/// Excludes the jobs that are not shown in lists: single messages sent to try a template, and reports
/// (`docs/spec/workers.md` §4.1).
const LISTED: &str = "original_file_name NOT IN ('Test message', 'Report')";

/// Returns `count` jobs of a service after the first `skip`, newest first.
pub async fn list(
    session: &mut Session,
    service: ServiceId,
    skip: u32,
    count: u32,
) -> Result<Vec<Job>, Error> {
    session
        .fetch_all(
            format!(
                "SELECT {COLUMNS} FROM jobs WHERE service_id = $1 AND {LISTED} \
                 ORDER BY created_at DESC, id DESC LIMIT $2 OFFSET $3"
            ),
            args![service, count, skip],
        )
        .await?
        .iter()
        .map(parse_job)
        .collect()
}

/// Returns up to `count` jobs of a service that were created with this type of key and before the given one, newest
/// first.
pub async fn list_older(
    session: &mut Session,
    service: ServiceId,
    key_type: KeyType,
    older_than: Option<(Timestamp, JobId)>,
    count: u32,
) -> Result<Vec<Job>, Error> {
    let mut args = args![service, key_type, count];
    let mut sql =
        format!("SELECT {COLUMNS} FROM jobs WHERE service_id = $1 AND key_type = $2 AND {LISTED}");
    if let Some((created_at, id)) = older_than {
        sql.push_str(" AND (created_at, id) < ($4, $5)");
        args.extend(args![created_at, id]);
    }
    sql.push_str(" ORDER BY created_at DESC, id DESC LIMIT $3");
    let found = session.fetch_all(sql, args).await?;
    found.iter().map(parse_job).collect()
}

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

/// Returns up to `count` scheduled jobs whose time has come, oldest first.
pub async fn list_due(
    session: &mut Session,
    now: Timestamp,
    count: u32,
) -> Result<Vec<Job>, Error> {
    session
        .fetch_all(
            format!(
                "SELECT {COLUMNS} FROM jobs WHERE status = 'scheduled' AND scheduled_for <= $1 \
                 ORDER BY scheduled_for LIMIT $2"
            ),
            args![now, count],
        )
        .await?
        .iter()
        .map(parse_job)
        .collect()
}

/// Returns up to `count` jobs of all services that are in one of these statuses, have not changed since `since`, and
/// were resumed fewer than `resumptions` times; least recently changed first. For audits.
pub async fn list_unchanged(
    session: &mut Session,
    statuses: &[JobStatus],
    since: Timestamp,
    resumptions: u32,
    count: u32,
) -> Result<Vec<Job>, Error> {
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

/// Returns up to `count` jobs that finished between the two times and have not been counted since.
pub async fn list_finished(
    session: &mut Session,
    after: Timestamp,
    before: Timestamp,
    count: u32,
) -> Result<Vec<Job>, Error> {
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

/// Which jobs' files a retention applies to.
#[derive(Debug, Clone, Copy)]
pub enum RetentionScope {
    /// Those of a service with a retention of its own for this channel.
    Of(ServiceId, Channel),
    /// All others.
    Others,
}

/// Returns up to `count` jobs that were due before `before` and whose file still exists, oldest first.
pub async fn list_with_old_files(
    session: &mut Session,
    scope: RetentionScope,
    before: Timestamp,
    count: u32,
) -> Result<Vec<Job>, Error> {
    let mut args = args![before, count];
    let in_scope = match scope {
        RetentionScope::Of(service, channel) => {
            args.extend(args![service, channel]);
            "service_id = $3 AND (SELECT t.template_type FROM templates t WHERE t.id = jobs.template_id) = $4"
        }
        RetentionScope::Others => {
            // Services with a retention of their own are handled one by one.
            "NOT EXISTS (SELECT 1 FROM templates t JOIN data_retention r \
             ON r.service_id = t.service_id AND r.notification_type = t.template_type WHERE t.id = jobs.template_id)"
        }
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM jobs WHERE NOT archived AND due < $1 AND {in_scope} ORDER BY due LIMIT $2"
    );
    let found = session.fetch_all(sql, args).await?;
    found.iter().map(parse_job).collect()
}

/// Returns up to `count` jobs that were due before `before` and are not over, longest overdue first. For audits.
pub async fn list_overdue(
    session: &mut Session,
    before: Timestamp,
    count: u32,
) -> Result<Vec<Job>, Error> {
    let sql = format!(
        // A job paused by its owner is not overdue.
        "SELECT {COLUMNS} FROM jobs WHERE status IN ('pending', 'in progress', 'error') AND due < $1 \
         ORDER BY due LIMIT $2"
    );
    let found = session.fetch_all(sql, args![before, count]).await?;
    found.iter().map(parse_job).collect()
}

/// Records that the file of a job has been deleted.
pub async fn archive(tx: &mut Tx, service: ServiceId, id: JobId) -> Result<(), Error> {
    tx.execute(
        "UPDATE jobs SET archived = $3 WHERE service_id = $1 AND id = $2",
        args![service, id, true],
    )
    .await?;
    Ok(())
}

fn parse_job(row: &Row) -> Result<Job, Error> {
    Ok(Job {
        id: row.get("id")?,
        service_id: row.get("service_id")?,
        template_id: row.get("template_id")?,
        template_version: row.get_u32("jobs", "template_version")?,
        original_file_name: row.get("original_file_name")?,
        notification_count: row.get_u32("jobs", "notification_count")?,
        sender_id: row.get("sender_id")?,
        created_by: row.get("created_by")?,
        status: row.parse("jobs", "status")?,
        problem: row.get("problem")?,
        due: row.get("due")?,
        scheduled_for: row.get("scheduled_for")?,
        rows_kept: row.get_u32("jobs", "rows_kept")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        processing_started: row.get("processing_started")?,
        processing_finished: row.get("processing_finished")?,
        archived: row.get("archived")?,
        contact_list_id: row.get("contact_list_id")?,
        resumptions: row.get_u32("jobs", "resumptions")?,
        api_key_id: row.get("api_key_id")?,
        key_type: row.parse("jobs", "key_type")?,
        client_reference: row.get("client_reference")?,
    })
}
