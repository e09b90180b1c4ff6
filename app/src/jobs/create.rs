//! Creates a job (`docs/spec/workers.md` §4.4). The row and its task are one transaction, so a stored job is always
//! queued.

use std::{sync::Arc, time::Duration};

use domain::{Channel, ContactListId, JobId, JobStatus, KeyType, ServiceId, Timestamp, UserId};
use queue::Enqueue as _;
use store::{Tx, jobs::Job};

use crate::{
    App,
    cache::{templates, tenants},
    jobs::contact_lists::{self, ContactListError},
    tasks,
};

/// How far ahead a job may be scheduled.
const FURTHEST: Duration = Duration::from_hours(7 * 24);

/// A job to create.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// The service that sends it.
    pub service: ServiceId,
    /// The id of the uploaded spreadsheet, which becomes the job's id. A missing id is reported only after the
    /// service was checked (`docs/spec/workers.md` §4.4).
    pub id: Option<JobId>,
    /// The user who creates it.
    pub created_by: Option<UserId>,
    /// When it starts, if not now.
    pub scheduled_for: Option<Timestamp>,
    /// The contact list that the spreadsheet was copied from.
    pub contact_list_id: Option<ContactListId>,
}

/// Why a job cannot be created.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The service is inactive.
    #[error("the service is inactive")]
    ServiceInactive,
    /// No id was given.
    #[error("the id of a spreadsheet is needed")]
    NoId,
    /// There is no such service or spreadsheet.
    #[error("there is no such {0}")]
    NoSuch(&'static str),
    /// Letters cannot be sent in trial mode.
    #[error("letters cannot be sent in trial mode")]
    LettersInTrial,
    /// The spreadsheet has errors.
    #[error("the spreadsheet has errors")]
    NotValid,
    /// The template was archived after the upload.
    #[error("the template is archived")]
    TemplateArchived,
    /// The contact list was archived.
    #[error("the contact list is archived")]
    ContactListArchived,
    /// The scheduled time has passed.
    #[error("the time is in the past")]
    InThePast,
    /// The scheduled time is too far ahead.
    #[error("the time is more than 7 days ahead")]
    TooFarAhead,
    /// A job with this id exists.
    #[error("there is a job with this id already")]
    Exists,
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] Arc<store::Error>),
}

impl From<Arc<store::Error>> for CreateError {
    fn from(error: Arc<store::Error>) -> Self {
        Self::Store(error)
    }
}

impl From<ContactListError> for CreateError {
    fn from(error: ContactListError) -> Self {
        match error {
            ContactListError::NoSuch | ContactListError::File(_) => Self::NoSuch("contact list"),
            ContactListError::Archived => Self::ContactListArchived,
            ContactListError::Store(error) => error.into(),
        }
    }
}

impl From<store::Error> for CreateError {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Exists => Self::Exists,
            error => Self::Store(Arc::new(error)),
        }
    }
}

/// Creates a job from an uploaded spreadsheet. When this returns, the job and its task are durable.
pub async fn create(app: &App, new: NewJob) -> Result<Job, CreateError> {
    let tenant = tenants::find(app, new.service)
        .await?
        .ok_or(CreateError::NoSuch("service"))?;
    if !tenant.service.active {
        return Err(CreateError::ServiceInactive);
    }
    let id = new.id.ok_or(CreateError::NoId)?;
    let sheet = store::spreadsheets::find(&mut app.read().await?, new.service, id)
        .await?
        .ok_or(CreateError::NoSuch("spreadsheet"))?;
    let found = templates::find(app, new.service, sheet.template_id).await?;
    let prepared = found.ok_or(CreateError::NoSuch("template"))?;
    if prepared.template.template_type == Channel::Letter && tenant.service.restricted {
        return Err(CreateError::LettersInTrial);
    }
    if !sheet.valid {
        return Err(CreateError::NotValid);
    }
    if prepared.template.archived {
        return Err(CreateError::TemplateArchived);
    }
    if let Some(list) = new.contact_list_id {
        contact_lists::find(app, new.service, list).await?;
    }
    let now = app.clock.now();
    check_time(new.scheduled_for, now)?;

    let job = Job {
        id,
        service_id: new.service,
        template_id: sheet.template_id,
        template_version: prepared.template.version,
        original_file_name: sheet.original_file_name,
        notification_count: sheet.notification_count,
        sender_id: sheet.sender_id,
        created_by: new.created_by,
        api_key_id: None,
        key_type: KeyType::Normal,
        client_reference: None,
        status: first_status(new.scheduled_for),
        problem: None,
        due: new.scheduled_for.unwrap_or(now),
        scheduled_for: new.scheduled_for,
        rows_kept: 0,
        created_at: now,
        updated_at: None,
        processing_started: None,
        processing_finished: None,
        archived: false,
        contact_list_id: new.contact_list_id,
        resumptions: 0,
        quota_day: None,
    };
    let mut tx = app.write().await?;
    insert(&mut tx, &job).await?;
    app.commit_and_notify(tx, &[tasks::JOBS]).await?;
    Ok(job)
}

/// Returns the status that a new job begins with.
pub(super) const fn first_status(scheduled_for: Option<Timestamp>) -> JobStatus {
    match scheduled_for {
        Some(_) => JobStatus::Scheduled,
        None => JobStatus::Pending,
    }
}

/// Inserts a new job, with its task unless it is scheduled for later.
pub(super) async fn insert(tx: &mut Tx, job: &Job) -> Result<(), store::Error> {
    store::jobs::insert(tx, job).await?;
    if job.status == JobStatus::Pending {
        let task = tasks::process_job(job.service_id, job.id, job.created_at);
        tx.enqueue(vec![task]).await?;
    }
    Ok(())
}

pub(super) fn check_time(
    scheduled_for: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), CreateError> {
    match scheduled_for {
        Some(time) if time < now => Err(CreateError::InThePast),
        Some(time) if time.since(now) > FURTHEST => Err(CreateError::TooFarAhead),
        _ => Ok(()),
    }
}
