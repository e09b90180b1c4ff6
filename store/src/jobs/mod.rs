//! Jobs: one template sent to every row of a spreadsheet. The cursor `rows_kept` advances in the transaction that
//! stores the rows before it, so an interrupted job resumes where it stopped and every row is stored once.

mod audits;
mod old_files;
mod transitions;

use domain::{
    ApiKeyId, ContactListId, JobId, JobOrigin, JobStatus, KeyType, ServiceId, TemplateId,
    Timestamp, UserId, UtcDay,
};
use uuid::Uuid;

use crate::{
    Error, Session, Tx,
    db::{Row, Table, args, columns},
};

pub use audits::{
    count_resumption, list_finished, list_overdue, list_unchanged, reset_resumptions,
};
pub use old_files::{RetentionScope, archive, list_with_old_files};
pub use transitions::{
    advance_cursor, clear_pause_reason, set_problem, set_quota_day, set_status, set_status_from,
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
    /// Day from whose quota its whole count was spent, once it was.
    pub quota_day: Option<UtcDay>,
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
                       key_type, client_reference, quota_day";

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
        quota_day: Int = job.quota_day,
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
        quota_day: row
            .get::<Option<i64>>("quota_day")?
            .map(UtcDay::from_number),
    })
}
