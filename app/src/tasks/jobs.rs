//! Tasks of jobs.

use domain::{JobId, Lane, ServiceId, Timestamp};
use queue::{NewTask, SubjectRange};
use uuid::Uuid;

use super::{JOBS, JobPayload, PROCESS_INCOMPLETE_JOB, PROCESS_JOB, PROCESS_MISSING_ROWS, new};

/// Returns a task that writes the rows of a job.
pub(crate) fn process_job(service: ServiceId, job: JobId, now: Timestamp) -> NewTask {
    of_job(PROCESS_JOB, "process", service, job, now)
}

/// Returns a task that writes the rows of a job that an audit found without a task.
pub(crate) fn process_incomplete_job(service: ServiceId, job: JobId, now: Timestamp) -> NewTask {
    of_job(PROCESS_INCOMPLETE_JOB, "process", service, job, now)
}

/// Returns a task that writes the missing rows of a finished job.
pub(crate) fn process_missing_rows(service: ServiceId, job: JobId, now: Timestamp) -> NewTask {
    of_job(PROCESS_MISSING_ROWS, "missing rows", service, job, now)
}

/// Returns a task about a job. Its id is a function of the job and the purpose, so it is in the queue once.
fn of_job(
    kind: &'static str,
    purpose: &str,
    service: ServiceId,
    job: JobId,
    now: Timestamp,
) -> NewTask {
    let id = Uuid::new_v5(&job.as_uuid(), purpose.as_bytes());
    NewTask {
        subjects: SubjectRange::of([job]),
        ..new(
            id.into(),
            JOBS,
            Lane::Normal,
            service,
            kind,
            &JobPayload { job },
            now,
        )
    }
}
