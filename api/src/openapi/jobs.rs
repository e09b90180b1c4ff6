use app::{accept::AcceptError, fixtures::ids, jobs::BulkError};
use domain::{Allowance, Channel, JobStatus};
use serde_json::{Value, json};

use super::{
    examples::{JOB, MOMENT, ROOT, template},
    operation::Operation,
    refusals,
    sending::once,
    shapes::{id, reference},
};
use crate::{
    problem::{self, sending_in_bulk},
    v2::bodies::BULK,
};

const TAG: &str = "Many at once";

pub(super) fn operations() -> Vec<Operation> {
    vec![send_bulk(), list_jobs(), get_job(), cancel_job()]
}

fn send_bulk() -> Operation {
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
    let too_many = BulkError::MoreThanToday {
        allowance: Allowance::Sms,
        limit: 250_000,
        remaining: 1,
        wait_seconds: 32_400,
    };
    let operation = Operation::new(
        "POST",
        "/v2/notifications/bulk",
        "send_bulk",
        TAG,
        "Send one template to many people",
    )
    .about(
        "The columns are those of a spreadsheet: the recipient's (`phone number`, `email address` or, of letters, \
         three or more of `address line 1` to `address line 7`, or `postcode` instead of the last), one for each \
         placeholder and, if wanted, `reference`, which takes the place of the job's. At most 100,000 rows. All of \
         them are sent or none: what is wrong is said of each row.",
    )
    .body(
        reference("Rows"),
        &[
            ("rows", "Texts, as rows", rows),
            ("csv", "E-mails, as CSV", csv),
            ("letters", "Letters, as rows", letters),
        ],
    )
    .answers(201, "The rows are kept and will be sent", "Job", job(JobStatus::Pending))
    .leads_to(201, "get_job")
    .refuses([
        refusals::empty(&BULK),
        (
            "bad_rows",
            crate::problem::Problem::validation(vec![
                "1 of 2 rows have errors, nothing was sent".to_owned(),
                "Row 3, column phone number: Not enough digits".to_owned(),
            ]),
        ),
        ("time_has_passed", sending_in_bulk(BulkError::InThePast)),
        ("more_than_today", sending_in_bulk(too_many)),
    ])
    .refuses(refusals::of_sending(Channel::Sms))
    .refuses([
        (
            "letters_with_a_team_key",
            refusals::accepting(AcceptError::LetterWithTeamKey),
        ),
        (
            "letters_in_trial_mode",
            refusals::accepting(AcceptError::LetterInTrial),
        ),
    ]);
    once(operation)
}

fn list_jobs() -> Operation {
    let mut shown = job(JobStatus::Finished);
    shown.as_object_mut().map(|job| job.remove("statistics"));
    let page = json!({
        "jobs": [shown],
        "links": {
            "current": format!("{ROOT}v2/jobs"),
            "next": format!("{ROOT}v2/jobs?older_than={JOB}"),
        },
    });
    Operation::new("GET", "/v2/jobs", "list_jobs", TAG, "List jobs")
        .about(
            "Newest first, 50 a page: those made with a key of the same type as yours. What a person makes of a \
             spreadsheet counts as made with a normal key.",
        )
        .query("older_than", "The last job of the page before.", id())
        .answers(200, "A page", "Jobs", page)
        .refuses(refusals::of_queries("older_than is not a valid UUID"))
        .refuses(refusals::of_services())
}

fn get_job() -> Operation {
    Operation::new(
        "GET",
        "/v2/jobs/{id}",
        "get_job",
        TAG,
        "See how a job stands",
    )
    .path("id", "The job", id(), JOB)
    .answers(200, "The job", "Job", job(JobStatus::Finished))
    .refuses(refusals::of_ids("job_id"))
    .refuses(refusals::of_services())
}

fn cancel_job() -> Operation {
    Operation::new("DELETE", "/v2/jobs/{id}", "cancel_job", TAG, "Cancel a job that waits")
        .about(
            "A job that is scheduled, paused or stopped with an error, with a key of the type that it was made with. Rows that \
             were kept before are sent.",
        )
        .path("id", "The job", id(), JOB)
        .answers(200, "The job, cancelled", "Job", job(JobStatus::Cancelled))
        .refuses([
            ("another_key_type", problem::job_of_another_key_type()),
            ("not_waiting", problem::job_not_waiting(JobStatus::Finished)),
        ])
        .refuses(refusals::of_ids("job_id"))
        .refuses(refusals::of_services())
}

/// A job in this status.
fn job(status: JobStatus) -> Value {
    let is_over = status == JobStatus::Finished;
    let moment = is_over.then_some(MOMENT);
    let statistics = if is_over {
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
        "rows_kept": if is_over { 2 } else { 0 },
        "scheduled_for": (status == JobStatus::Cancelled).then_some("2026-03-03T08:00:00.000000Z"),
        "statistics": statistics,
        "status": status,
        "template": template(ids::SMS_TEMPLATE),
        "uri": format!("{ROOT}v2/jobs/{JOB}"),
    })
}
