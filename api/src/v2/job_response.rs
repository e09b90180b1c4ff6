use std::collections::BTreeMap;

use app::Job;
use domain::{JobId, JobStatus, NotificationStatus, Timestamp};
use serde::Serialize;

/// A job in responses. Fields in alphabetical order, as serialised.
#[derive(Debug, Serialize)]
pub(super) struct JobResponse<'a> {
    created_at: Timestamp,
    id: JobId,
    name: &'a str,
    /// The number of rows.
    notification_count: u32,
    /// Why the job is in error, if it is.
    problem: Option<&'a str>,
    processing_finished: Option<Timestamp>,
    processing_started: Option<Timestamp>,
    reference: Option<&'a str>,
    /// The number of rows that are notifications so far.
    rows_kept: u32,
    scheduled_for: Option<Timestamp>,
    /// The number of notifications by status; missing in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    statistics: Option<&'a BTreeMap<NotificationStatus, u32>>,
    status: JobStatus,
    template: Template,
    uri: String,
    /// What looks wrong with the rows; only in the response to the request that has them.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    warnings: &'a [String],
}

#[derive(Debug, Serialize)]
struct Template {
    id: domain::TemplateId,
    uri: String,
    version: u32,
}

impl<'a> JobResponse<'a> {
    pub(super) fn new(
        job: &'a Job,
        statistics: Option<&'a BTreeMap<NotificationStatus, u32>>,
        root: &str,
    ) -> Self {
        let (template, version) = (job.template_id, job.template_version);
        Self {
            created_at: job.created_at,
            id: job.id,
            name: &job.original_file_name,
            notification_count: job.notification_count,
            problem: job.problem.as_deref(),
            processing_finished: job.processing_finished,
            processing_started: job.processing_started,
            reference: job.client_reference.as_deref(),
            rows_kept: job.rows_kept,
            scheduled_for: job.scheduled_for,
            statistics,
            status: job.status,
            template: Template {
                id: template,
                uri: format!("{root}v2/template/{template}/version/{version}"),
                version,
            },
            uri: format!("{root}v2/jobs/{}", job.id),
            warnings: &[],
        }
    }

    pub(super) fn with_warnings(self, warnings: &'a [String]) -> Self {
        Self { warnings, ..self }
    }
}
