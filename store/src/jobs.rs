//! Jobs: one template to every row of a spreadsheet. The cursor `rows_kept` moves in the transaction that keeps the
//! rows before it, so a job that stopped anywhere goes on where it was, with every row once.

use domain::{
    ApiKeyId, Channel, ContactListId, JobId, JobOrigin, JobStatus, KeyType, ServiceId, TemplateId,
    Timestamp, UserId,
};
use uuid::Uuid;

use crate::{
    Error, Session, Tx,
    db::{Row, args, parameters},
};

/// A job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Which; given by the caller, the id of its spreadsheet.
    pub id: JobId,
    /// Whose.
    pub service_id: ServiceId,
    /// What is sent.
    pub template_id: TemplateId,
    /// In which version, whatever is written later.
    pub template_version: u32,
    /// What its owner calls the file.
    pub original_file_name: String,
    /// How many rows the file has.
    pub notification_count: u32,
    /// The reply-to address or text message sender that was chosen.
    pub sender_id: Option<Uuid>,
    /// Who made it.
    pub created_by: Option<UserId>,
    /// The key that it was made with, if it came through the API.
    pub api_key_id: Option<ApiKeyId>,
    /// The type of that key; `normal` for jobs that people make.
    pub key_type: KeyType,
    /// The service's own reference, for rows that have none.
    pub client_reference: Option<String>,
    /// How far it is.
    pub status: JobStatus,
    /// Why it could not go on, in words, if it could not.
    pub problem: Option<String>,
    /// When its rows are due: what their ids begin with.
    pub due: Timestamp,
    /// When it was asked to start.
    pub scheduled_for: Option<Timestamp>,
    /// Rows before this one are kept.
    pub rows_kept: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Option<Timestamp>,
    /// When its first row was taken.
    pub processing_started: Option<Timestamp>,
    /// When its last row was kept, or it stopped.
    pub processing_finished: Option<Timestamp>,
    /// Its file has been removed.
    pub archived: bool,
    /// The list of contacts that it was made from.
    pub contact_list_id: Option<ContactListId>,
    /// How often an auditor took it up again without one new row since.
    pub resumptions: u32,
}

impl Job {
    /// What the ids of its rows are a function of.
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

/// Keeps a new job; [`Error::Exists`] if its id is taken, by whomever.
pub async fn insert(tx: &mut Tx, job: &Job) -> Result<(), Error> {
    tx.execute(
        format!(
            "INSERT INTO jobs ({COLUMNS}) VALUES ({})",
            parameters(1, 23)
        ),
        args![
            job.id,
            job.service_id,
            job.template_id,
            job.template_version,
            &*job.original_file_name,
            job.notification_count,
            job.sender_id,
            job.created_by,
            job.status,
            job.problem.as_deref(),
            job.due,
            job.scheduled_for,
            job.rows_kept,
            job.created_at,
            job.updated_at,
            job.processing_started,
            job.processing_finished,
            job.archived,
            job.contact_list_id,
            job.resumptions,
            job.api_key_id,
            job.key_type,
            job.client_reference.as_deref(),
        ],
    )
    .await?;
    Ok(())
}

/// A job of a service.
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
    row.as_ref().map(job).transpose()
}

/// How far a job is, from now on until the transaction ends: nobody changes it meanwhile.
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
    row.map(|row| row.word("jobs", "status")).transpose()
}

/// What jobs are called that are none to those who look at lists: messages that somebody sent to try a template, and
/// reports (`docs/spec/workers.md` §4.1).
const LISTED: &str = "original_file_name NOT IN ('Test message', 'Report')";

/// The jobs of a service, newest first: `count` of them after the first `skip`.
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
        .map(job)
        .collect()
}

/// The jobs of a service that were made with this type of key, newest first: at most `count`, older than the one given.
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
    found.iter().map(job).collect()
}

/// Changes the status, if the job is in one from which that is allowed; whether it was.
pub async fn set_status(
    tx: &mut Tx,
    service: ServiceId,
    id: JobId,
    next: JobStatus,
    problem: Option<&str>,
    at: Timestamp,
) -> Result<bool, Error> {
    let from: Vec<&str> = JobStatus::sources_of(next).map(JobStatus::as_str).collect();
    let started = (next == JobStatus::InProgress).then_some(at);
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

/// Changes the status from `before` to `next`, if it is `before`; whether it was. For changes that two may try at once
/// and only from one status.
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
    let touched = tx
        .execute(
            "UPDATE jobs SET status = $4, updated_at = $5, \
             processing_finished = CASE WHEN $6 IS NULL THEN NULL ELSE COALESCE(processing_finished, $6) END \
             WHERE service_id = $1 AND id = $2 AND status = $3",
            args![service, id, before, next, at, finished],
        )
        .await?;
    Ok(touched == 1)
}

/// Moves the cursor from `before` to `after`; false if it was not at `before` or the job is not in progress: somebody
/// else has kept these rows, and the caller's transaction must not.
pub async fn advance_cursor(
    tx: &mut Tx,
    service: ServiceId,
    id: JobId,
    before: u32,
    after: u32,
    at: Timestamp,
) -> Result<bool, Error> {
    let touched = tx
        .execute(
            "UPDATE jobs SET rows_kept = $4, updated_at = $5, problem = NULL \
             WHERE service_id = $1 AND id = $2 AND rows_kept = $3 AND status = 'in progress'",
            args![service, id, before, after, at],
        )
        .await?;
    Ok(touched == 1)
}

/// Says in words why a job that is in progress does not get on at the moment; forgotten with its next rows.
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

/// Takes back why a job is paused: from now on it is because somebody wants it to be.
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

/// The scheduled jobs whose time has come, oldest first, at most `count`.
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
        .map(job)
        .collect()
}

/// Jobs in one of these statuses that have not changed since `since` and were taken up again less than `resumptions`
/// times, those that changed first before the others, at most `count`. For the auditors, which look at all services.
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
        .map(job)
        .collect()
}

/// The jobs whose rows were all kept between the two moments, and which nobody has counted since, at most `count`.
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
        .map(job)
        .collect()
}

/// Notes that an auditor takes a job up again; how often it has without one new row in between.
pub async fn count_resumption(tx: &mut Tx, service: ServiceId, id: JobId) -> Result<u32, Error> {
    let row = tx
        .fetch_optional(
            "UPDATE jobs SET resumptions = CASE WHEN resumed_at_row = rows_kept THEN resumptions + 1 ELSE 1 END, \
             resumed_at_row = rows_kept WHERE service_id = $1 AND id = $2 RETURNING resumptions",
            args![service, id],
        )
        .await?;
    row.map_or(Ok(0), |row| row.count("jobs", "resumptions"))
}

/// Forgets how often a job was taken up again: a person has looked at it.
pub async fn reset_resumptions(tx: &mut Tx, service: ServiceId, id: JobId) -> Result<(), Error> {
    tx.execute(
        "UPDATE jobs SET resumptions = 0, resumed_at_row = NULL WHERE service_id = $1 AND id = $2",
        args![service, id],
    )
    .await?;
    Ok(())
}

/// Of whose jobs the files are meant.
#[derive(Debug, Clone, Copy)]
pub enum RetentionScope {
    /// Those of a service that keeps messages of this type for days of its own.
    Of(ServiceId, Channel),
    /// Everybody else's.
    Others,
}

/// Jobs whose file is still there although they were due before `before`, oldest first, at most `count`.
pub async fn list_with_old_files(
    session: &mut Session,
    whose: RetentionScope,
    before: Timestamp,
    count: u32,
) -> Result<Vec<Job>, Error> {
    let mut args = args![before, count];
    let whose = match whose {
        RetentionScope::Of(service, channel) => {
            args.extend(args![service, channel]);
            "service_id = $3 AND (SELECT t.template_type FROM templates t WHERE t.id = jobs.template_id) = $4"
        }
        RetentionScope::Others => {
            "NOT EXISTS (SELECT 1 FROM templates t JOIN data_retention r \
             ON r.service_id = t.service_id AND r.notification_type = t.template_type WHERE t.id = jobs.template_id)"
        }
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM jobs WHERE NOT archived AND due < $1 AND {whose} ORDER BY due LIMIT $2"
    );
    let found = session.fetch_all(sql, args).await?;
    found.iter().map(job).collect()
}

/// The jobs that were due before `before` and are not over, longest first, at most `count`. For the auditors.
pub async fn list_overdue(
    session: &mut Session,
    before: Timestamp,
    count: u32,
) -> Result<Vec<Job>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM jobs WHERE status IN ('pending', 'in progress', 'error') AND due < $1 \
         ORDER BY due LIMIT $2"
    );
    let found = session.fetch_all(sql, args![before, count]).await?;
    found.iter().map(job).collect()
}

/// Marks that the file of a job has been removed.
pub async fn archive(tx: &mut Tx, service: ServiceId, id: JobId) -> Result<(), Error> {
    tx.execute(
        "UPDATE jobs SET archived = $3 WHERE service_id = $1 AND id = $2",
        args![service, id, true],
    )
    .await?;
    Ok(())
}

fn job(row: &Row) -> Result<Job, Error> {
    Ok(Job {
        id: row.get("id")?,
        service_id: row.get("service_id")?,
        template_id: row.get("template_id")?,
        template_version: row.count("jobs", "template_version")?,
        original_file_name: row.get("original_file_name")?,
        notification_count: row.count("jobs", "notification_count")?,
        sender_id: row.get("sender_id")?,
        created_by: row.get("created_by")?,
        status: row.word("jobs", "status")?,
        problem: row.get("problem")?,
        due: row.get("due")?,
        scheduled_for: row.get("scheduled_for")?,
        rows_kept: row.count("jobs", "rows_kept")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        processing_started: row.get("processing_started")?,
        processing_finished: row.get("processing_finished")?,
        archived: row.get("archived")?,
        contact_list_id: row.get("contact_list_id")?,
        resumptions: row.count("jobs", "resumptions")?,
        api_key_id: row.get("api_key_id")?,
        key_type: row.word("jobs", "key_type")?,
        client_reference: row.get("client_reference")?,
    })
}
