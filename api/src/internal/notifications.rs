use app::{
    foreign_files::DrawError,
    letters::{
        self, CancelLetterError,
        precompiled::{
            PictureError, ResanitiseError, RescanError, draw_page, find_validation_failure,
            resanitise, rescan, rescan_all,
        },
    },
    notifications::{Attempt, attempts},
};
use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use domain::{NotificationId, ServiceId};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::{
    fields::Fields,
    ids::{Ids, Ids3},
    invalid, listed, ok,
};
use crate::{Api, problem::Problem};

/// `POST /service/<id>/notifications/<notification>/cancel` (`docs/spec/letters.md` §12).
pub(crate) async fn cancel_letter(
    State(api): State<Api>,
    Ids(service, notification): Ids<ServiceId, NotificationId>,
) -> Result<Response, Problem> {
    let cancelled = letters::cancel(&api.app, service, notification).await;
    let letter = cancelled.map_err(refusal)?;
    Ok(ok(&json!({
        "id": letter.id,
        "service": letter.service_id,
        "template": letter.template_id,
        "template_version": letter.template_version,
        "job": letter.job_id,
        "job_row_number": letter.job_row_number,
        "notification_type": letter.channel,
        "key_type": letter.key_type,
        "status": letter.status,
        "client_reference": letter.client_reference,
        "reference": letter.reference,
        "postage": letter.postage,
        "billable_units": letter.billable_units,
        "created_at": letter.created_at,
        "sent_at": letter.sent_at,
        "updated_at": letter.updated_at,
    })))
}

/// `GET /service/<id>/notifications/<notification>/attempts`: each call of a provider, in order.
pub(crate) async fn list_attempts(
    State(api): State<Api>,
    Ids(service, notification): Ids<ServiceId, NotificationId>,
) -> Result<Response, Problem> {
    let found = attempts::list(&api.app, service, notification).await;
    let found = found.map_err(Problem::legacy_internal)?;
    let found = found.ok_or_else(Problem::legacy_not_found)?;
    Ok(listed(&found, attempt_view))
}

/// `GET /service/<id>/notifications/<notification>/validation`: why a supplied letter failed its check.
pub(crate) async fn get_validation_failure(
    State(api): State<Api>,
    Ids(service, notification): Ids<ServiceId, NotificationId>,
) -> Result<Response, Problem> {
    let found = find_validation_failure(&api.app, service, notification).await;
    let found = found.map_err(Problem::legacy_internal)?;
    let failure = found.ok_or_else(Problem::legacy_not_found)?;
    Ok(ok(&json!({
        "validation_status": "failed",
        "message": failure.message,
        "explanation": failure.explanation,
        "invalid_pages": failure.invalid_pages,
        "page_count": failure.page_count,
    })))
}

/// `GET /service/<id>/notifications/<notification>/page/<number>`: a picture of a page of a letter, as PNG.
pub(crate) async fn get_letter_page(
    State(api): State<Api>,
    Ids3(service, notification, number): Ids3<ServiceId, NotificationId, usize>,
) -> Result<Response, Problem> {
    let found = app::notifications::find(&api.app, service, notification).await;
    let letter = found.map_err(Problem::legacy_internal)?;
    let letter = letter.ok_or_else(Problem::legacy_not_found)?.notification;
    let drawn = draw_page(&api.app, &letter, number).await;
    let picture = drawn.map_err(|error| match error {
        PictureError::Draw(DrawError::TooMany) => Problem::too_many_bodies().into_legacy(),
        error => Problem::legacy_internal(error),
    })?;
    let picture = picture.ok_or_else(Problem::legacy_not_found)?;
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("image/png"))];
    Ok((kind, picture).into_response())
}

/// `POST /service/<id>/notifications/<notification>/resanitise`: rewrites a supplied letter once more (`docs/spec/letters.md`
/// §5.3).
pub(crate) async fn resanitise_letter(
    State(api): State<Api>,
    Ids(service, notification): Ids<ServiceId, NotificationId>,
) -> Result<Response, Problem> {
    let done = resanitise(&api.app, service, notification).await;
    done.map_err(|error| match error {
        ResanitiseError::NoSuch => Problem::legacy_not_found(),
        ResanitiseError::NotWaiting | ResanitiseError::NoOriginal | ResanitiseError::Unreadable => {
            invalid(error.to_string())
        }
        _ => Problem::legacy_internal(error),
    })?;
    Ok(ok(&json!({"id": notification})))
}

/// `POST /service/<id>/notifications/<notification>/rescan`: scans and checks a supplied letter that failed before its check
/// was over (`docs/spec/letters.md` §5.2).
pub(crate) async fn rescan_letter(
    State(api): State<Api>,
    Ids(service, notification): Ids<ServiceId, NotificationId>,
) -> Result<Response, Problem> {
    let done = rescan(&api.app, service, notification).await;
    done.map_err(|error| match error {
        RescanError::NoSuch => Problem::legacy_not_found(),
        RescanError::NotFailed | RescanError::NoPdf => invalid(error.to_string()),
        RescanError::Store(_) => Problem::legacy_internal(error),
    })?;
    Ok(ok(&json!({"id": notification})))
}

/// Longest time that letters are looked for, in days.
const MAX_RESCAN_DAYS: u32 = 90;

/// `POST /letters/rescan`: does that for all services, `{"days": 7}`.
pub(crate) async fn rescan_letters(
    State(api): State<Api>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let days: Option<u32> = fields.optional("days");
    fields.finish()?;
    let days = days.unwrap_or(7);
    if !(1..=MAX_RESCAN_DAYS).contains(&days) {
        return Err(invalid(format!(
            "days must be a number from 1 to {MAX_RESCAN_DAYS}"
        )));
    }
    let found = rescan_all(&api.app, days).await;
    let found = found.map_err(Problem::legacy_internal)?;
    Ok(ok(
        &json!({"rescanned": found.count, "without_pdf": found.without_pdf}),
    ))
}

fn attempt_view(attempt: &Attempt) -> Value {
    let took = attempt.ended_at.map(|at| at.since(attempt.started_at));
    json!({
        "number": attempt.number,
        "provider": attempt.provider,
        "started_at": attempt.started_at,
        "ended_at": attempt.ended_at,
        "latency_ms": took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
        "outcome": attempt.outcome,
        "detail": attempt.detail,
    })
}

/// Returns the errors of `docs/spec/letters.md` §12.
fn refusal(error: CancelLetterError) -> Problem {
    let why = match error {
        CancelLetterError::NoSuch => {
            return Problem::legacy(StatusCode::NOT_FOUND, "Notification not found");
        }
        CancelLetterError::NotALetter => {
            "Notification cannot be cancelled - only letters can be cancelled".to_owned()
        }
        CancelLetterError::TooLate(day) => {
            format!("It’s too late to cancel this letter. Printing started {day} at 5.30pm")
        }
        CancelLetterError::AlreadyCancelled => "This letter has already been cancelled.".to_owned(),
        CancelLetterError::OtherStatus(letter) => format!(
            "We could not cancel this letter. Letter status: {}, created_at: {}",
            letter.status, letter.created_at
        ),
        CancelLetterError::Store(error) => return Problem::legacy_internal(error),
    };
    invalid(why)
}
