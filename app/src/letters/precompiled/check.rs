//! The check of a supplied PDF (`docs/spec/letters.md` §5.3).

use bytes::Bytes;
use domain::{KeyType, NotificationStatus, Permission, Postage, Private, ServiceId};
use recipients::postal_addresses::PostalAddress;
use store::notifications::{LetterAddress, Notification, StatusUpdate};
use tracing::info;
use typesetting::{PdfProblem, SuppliedLetter, SuppliedLetterError};

use super::{address, validation, validation::ValidationFailure};
use crate::letters::{self, StepFailure, originals, pages::billable_sheets};
use crate::{
    App,
    cache::tenants,
    callbacks,
    compose::ResolvedRecipient,
    foreign_files::{CheckTurn, Effort},
};

/// Checks a supplied PDF that has no virus, and records that the letter may be printed, with the address that was read from
/// it; with a test key it is `delivered`.
///
/// `turn` is held until the files have been read. Fails with [`StepFailure::Noop`] if the letter was cancelled or another
/// worker has checked it meanwhile.
pub(crate) async fn check(
    app: &App,
    letter: &Notification,
    pdf: &Bytes,
    turn: CheckTurn,
) -> Result<(), StepFailure> {
    let (service, id) = (letter.service_id, letter.id);
    // An earlier attempt that could not commit has replaced the pages already: what it rewrote would fail the check.
    let original = originals::find_original(app, service, id).await?;
    let pdf = original.as_ref().unwrap_or(pdf);
    match judge_in_turn(app, service, pdf, turn).await? {
        Ok(good) => {
            originals::store_original(app, service, id, pdf).await?;
            // Before the status: a letter that waits for the print run is never without the pages to print.
            letters::store_pages(app, service, id, &good.rewritten).await?;
            record_valid(app, letter, good.pages, &good.address).await
        }
        Err(failure) => {
            // Before the status: whoever sees the status can ask why.
            validation::store(app, letter, &failure).await?;
            if failure.message == "no-fixed-abode-address" {
                // Watched, because a street or a name may look like it.
                info!(
                    notification.id = %letter.id, service.id = %letter.service_id,
                    "validation failed: no fixed abode address in letter {}", letter.id
                );
            }
            let status = NotificationStatus::ValidationFailed;
            Err(StepFailure::Permanent(status, failure.problem_text()))
        }
    }
}

/// A letter that can be printed.
pub(crate) struct GoodLetter {
    pub(crate) pages: usize,
    pub(crate) address: PostalAddress,
    /// The PDF for the printer.
    pub(crate) rewritten: Bytes,
}

/// Judges a PDF that has no virus. `turn` is held until it has been read.
pub(crate) async fn judge_in_turn(
    app: &App,
    service: ServiceId,
    pdf: &Bytes,
    turn: CheckTurn,
) -> Result<Result<GoodLetter, ValidationFailure>, StepFailure> {
    let mut effort = Effort::default();
    let judged = judge(app, service, pdf, &mut effort).await;
    turn.end(effort, app.clock.now());
    judged
}

async fn judge(
    app: &App,
    service: ServiceId,
    pdf: &Bytes,
    effort: &mut Effort,
) -> Result<Result<GoodLetter, ValidationFailure>, StepFailure> {
    let SuppliedLetter {
        pages,
        address_lines,
    } = match app.foreign_files.check_letter(pdf.clone(), effort).await? {
        Ok(found) => found,
        Err(error) => return Ok(Err(of_pages(&error))),
    };
    let tenant = tenants::find(app, service)
        .await
        .map_err(|error| StepFailure::retry(error.to_string()))?;
    let abroad =
        tenant.is_some_and(|tenant| tenant.has_permission(Permission::InternationalLetters));
    let address = match address::check(&address_lines, abroad) {
        Ok(address) => address,
        Err(problem) => {
            return Ok(Err(ValidationFailure {
                message: problem.reason.to_owned(),
                explanation: problem.advice.to_owned(),
                invalid_pages: vec![1],
                page_count: Some(pages),
            }));
        }
    };
    let lines = address.normalised_lines();
    let rewritten = app
        .foreign_files
        .rewrite_letter(pdf.clone(), lines, effort)
        .await?;
    let unreadable = || {
        of_pages(&SuppliedLetterError {
            problem: PdfProblem::Unreadable,
            pages: Some(pages),
        })
    };
    Ok(rewritten
        .ok_or_else(unreadable)
        .map(|rewritten| GoodLetter {
            pages,
            address,
            rewritten,
        }))
}

fn of_pages(error: &SuppliedLetterError) -> ValidationFailure {
    ValidationFailure {
        message: error.problem.reason().to_owned(),
        explanation: error.problem.to_string(),
        invalid_pages: error.problem.pages().to_vec(),
        page_count: error.pages,
    }
}

async fn record_valid(
    app: &App,
    letter: &Notification,
    pages: usize,
    address: &PostalAddress,
) -> Result<(), StepFailure> {
    let is_test = letter.key_type == KeyType::Test;
    let valid = StatusUpdate {
        billable_units: (!is_test).then(|| billable_sheets(pages)),
        ..StatusUpdate::new(
            letter.id,
            if is_test {
                NotificationStatus::Delivered
            } else {
                NotificationStatus::Created
            },
        )
    };
    let mut tx = app.write().await?;
    let applied = callbacks::apply_updates(app, &mut tx, &[valid], app.clock.now()).await?;
    if applied.count == 1 {
        let read = address_as_stored(address, letter.postage);
        let keyring = app.store.keyring();
        store::notifications::set_letter_address(&mut tx, keyring, letter, read).await?;
    }
    app.commit_and_notify(tx, applied.pools).await?;
    if applied.count == 1 {
        Ok(())
    } else {
        Err(StepFailure::Noop)
    }
}

/// Returns what the address decides: a letter abroad has one class, whatever the service asked for.
fn address_as_stored(address: &PostalAddress, asked_for: Option<Postage>) -> LetterAddress {
    let recipient = ResolvedRecipient::letter(address, asked_for);
    LetterAddress {
        recipient: Private::new(recipient.as_given),
        normalised: Private::new(recipient.normalised),
        postage: recipient.postage.unwrap_or(Postage::Second),
        international: recipient.international,
    }
}
