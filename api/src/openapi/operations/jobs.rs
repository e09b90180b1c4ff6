use app::{QuotaExceeded, accept::AcceptError, fixtures::ids, jobs::BulkError};
use domain::{Allowance, Channel, JobStatus};
use serde_json::{Value, json};

use crate::openapi::{
    error_examples,
    examples::{JOB, MOMENT, ROOT, template},
    operation::Operation,
    operations::send::idempotent,
    requests::{id, reference},
};
use crate::{
    problem::{self, bulk_error},
    v2::bodies::JobBody,
};

const TAG: &str = "Bulk jobs";

pub(crate) fn send_bulk() -> Operation {
    let rows = json!({
        "name": "Opening hours",
        "template_id": ids::SMS_TEMPLATE,
        "rows": [
            ["phone number", "name", "reference"],
            ["07700 900123", "Ada", "order 1234"],
            ["07700 900124", "Grace", null],
        ],
        "sms_sender_id": ids::SMS_SENDER,
        "reference": "orders of today",
    });
    let csv = json!({
        "name": "Opening hours",
        "template_id": ids::EMAIL_TEMPLATE,
        "csv": "email address,name\nada@example.com,Ada\ngrace@example.com,Grace\n",
        "reply_to_id": ids::REPLY_TO,
    });
    let letters = json!({
        "name": "Opening hours",
        "template_id": ids::LETTER_TEMPLATE,
        "rows": [
            ["address line 1", "address line 2", "postcode"],
            ["Ada Lovelace", "1 High Street", "SW1A 1AA"],
        ],
    });
    let too_many = BulkError::MoreThanToday(QuotaExceeded {
        allowance: Allowance::Sms,
        limit: 250_000,
        remaining: 1,
        wait_seconds: 32_400,
    });
    let operation = Operation::new(TAG, "Send a template to many recipients")
    .description(
        "Creates a job. The columns are those of a spreadsheet: the recipient (`phone number`, `email address` or, for \
         letters, at least three of `address line 1` to `address line 7`, or `postcode` in place of the last), one for \
         each placeholder and, optionally, `reference`, which overrides the reference of the job. At most 100,000 rows. \
         Either all rows are accepted or none; the error lists the invalid rows.",
    )
    .body(
        reference("Rows"),
        &[
            ("rows", "Text messages, as rows", rows),
            ("csv", "Emails, as CSV", csv),
            ("letters", "Letters, as rows", letters),
        ],
    )
    .responds(201, "The job is stored and will be processed", "Job", job(JobStatus::Pending))
    .links_to(201, "get_job")
    .fails_with([
        error_examples::missing_keys(JobBody::SCHEMA),
        (
            "bad_rows",
            crate::problem::Problem::validation(vec![
                "1 of 2 rows have errors, nothing was sent".to_owned(),
                "Row 3, column phone number: Not enough digits".to_owned(),
            ]),
        ),
        ("time_has_passed", bulk_error(BulkError::InThePast)),
        ("more_than_today", bulk_error(too_many)),
    ])
    .fails_with(error_examples::send_errors(Channel::Sms))
    .fails_with([
        (
            "letters_with_a_team_key",
            error_examples::accepting(AcceptError::LetterWithTeamKey),
        ),
        (
            "letters_in_trial_mode",
            error_examples::accepting(AcceptError::LetterInTrial),
        ),
    ]);
    idempotent(operation)
}

pub(crate) fn list_jobs() -> Operation {
    let mut listed = job(JobStatus::Finished);
    listed.as_object_mut().map(|job| job.remove("statistics"));
    let page = json!({
        "jobs": [listed],
        "links": {
            "current": format!("{ROOT}v2/jobs"),
            "next": format!("{ROOT}v2/jobs?older_than={JOB}"),
        },
    });
    Operation::new(TAG, "List jobs")
        .description(
            "Returns jobs that were created with an API key of the same type, newest first, 50 a page. A job that a user \
             created from a spreadsheet counts as created with a normal key.",
        )
        .query("older_than", "The id of the last job on the previous page.", id())
        .responds(200, "A page of jobs", "Jobs", page)
        .fails_with(error_examples::query_errors("older_than is not a valid UUID"))
        .fails_with(error_examples::service_errors())
}

pub(crate) fn get_job() -> Operation {
    Operation::new(TAG, "Get a job")
        .path("id", "The job", id(), JOB)
        .responds(200, "The job", "Job", job(JobStatus::Finished))
        .fails_with(error_examples::id_errors("job_id"))
        .fails_with(error_examples::service_errors())
}

pub(crate) fn cancel_job() -> Operation {
    Operation::new(TAG, "Cancel a job")
        .description(
            "Cancels a job that is scheduled, paused or in error, with a key of the same type as created it. Notifications \
             of rows that were processed before are still sent.",
        )
        .path("id", "The job", id(), JOB)
        .responds(200, "The cancelled job", "Job", job(JobStatus::Cancelled))
        .fails_with([
            ("another_key_type", problem::job_of_another_key_type()),
            ("not_waiting", problem::job_not_waiting(JobStatus::Finished)),
        ])
        .fails_with(error_examples::id_errors("job_id"))
        .fails_with(error_examples::service_errors())
}

/// Returns a job in this status.
fn job(status: JobStatus) -> Value {
    let is_finished = status == JobStatus::Finished;
    let moment = is_finished.then_some(MOMENT);
    let statistics = if is_finished {
        json!({"delivered": 2})
    } else {
        json!({})
    };
    json!({
        "created_at": MOMENT,
        "id": JOB,
        "name": "Opening hours",
        "notification_count": 2,
        "problem": null,
        "processing_finished": moment,
        "processing_started": moment,
        "reference": "orders of today",
        "rows_kept": if is_finished { 2 } else { 0 },
        "scheduled_for": (status == JobStatus::Cancelled).then_some("2026-03-03T08:00:00.000000Z"),
        "statistics": statistics,
        "status": status,
        "template": template(ids::SMS_TEMPLATE),
        "uri": format!("{ROOT}v2/jobs/{JOB}"),
    })
}
