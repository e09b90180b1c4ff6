use app::jobs::{BulkError, spreadsheets::UploadError};
use domain::{Channel, JobStatus};
use http::StatusCode;

use super::Problem;

/// Returns the response to rows that were not accepted.
pub(crate) fn bulk_error(error: BulkError) -> Problem {
    let text = match error {
        BulkError::Refused(error) => return Problem::internal(error),
        BulkError::Unreadable(_) => error.to_string(),
        BulkError::SenderOfAnotherChannel(Channel::Sms) => {
            "reply_to_id can only be given for emails".to_owned()
        }
        BulkError::SenderOfAnotherChannel(Channel::Letter) => {
            "reply_to_id and sms_sender_id can not be given for letters".to_owned()
        }
        BulkError::SenderOfAnotherChannel(Channel::Email) => {
            "sms_sender_id can only be given for text messages".to_owned()
        }
        BulkError::InThePast => "scheduled_for datetime can not be in the past".to_owned(),
        BulkError::TooFarAhead => {
            "scheduled_for datetime can only be 7 days in the future".to_owned()
        }
        BulkError::MoreThanADay { rows, limit } => {
            format!("{rows} rows are more than the {limit} messages you may send in a day")
        }
        BulkError::MoreThanToday(exceeded) => return exceeded.into(),
        BulkError::Invalid { problems, report } => return bad_rows(problems, &report),
        BulkError::Files(UploadError::TooLarge(_)) => return Problem::too_large(),
        BulkError::Files(UploadError::Busy) => return Problem::too_many_bodies(),
        BulkError::Files(error) => return Problem::internal(error),
    };
    Problem::validation(vec![text])
}

/// Lists the problems of the file, the number of bad rows, and the errors of the first of them.
fn bad_rows(problems: Vec<String>, report: &app::jobs::spreadsheets::Report) -> Problem {
    let mut messages = problems;
    // What looks wrong explains what is wrong with the rows as a whole, such as which columns were found.
    if !messages.is_empty() {
        messages.extend(report.warnings.iter().cloned());
    }
    let bad = report.error_counts.rows_with_errors;
    if bad > 0 {
        let rows = report.rows();
        messages.push(if report.is_complete {
            format!("{bad} of {rows} rows have errors, nothing was sent")
        } else {
            format!(
                "{bad} of the first {rows} rows have errors, the rest was not checked, nothing was sent"
            )
        });
    }
    messages.extend(report.errors.iter().map(|error| {
        let (row, message) = (error.spreadsheet_row_number, &error.message);
        match &error.column_header {
            Some(column) => format!("Row {row}, column {column}: {message}"),
            None => format!("Row {row}: {message}"),
        }
    }));
    if messages.is_empty() {
        messages.push("no column says to whom the messages go".to_owned());
    }
    Problem::validation(messages)
}

/// Returns the 403 of a job that was made with a key of another type.
pub(crate) fn job_of_another_key_type() -> Problem {
    Problem::v2(
        StatusCode::FORBIDDEN,
        "BadRequestError",
        "Can only cancel jobs that were made with a key of the same type",
    )
}

/// Returns the 409 of a job that is neither scheduled, paused nor in error.
pub(crate) fn job_not_waiting(status: JobStatus) -> Problem {
    Problem::v2(
        StatusCode::CONFLICT,
        "ConflictError",
        format!(
            "Only a job that is scheduled, paused or stopped with an error can be cancelled, and this one is {status}"
        ),
    )
}
