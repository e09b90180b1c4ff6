//! The check of a supplied PDF (`docs/spec/letters.md` §5.3).

use bytes::Bytes;
use domain::{KeyType, NotificationStatus};
use store::notifications::{Notification, StatusUpdate};
use typesetting::PdfSummary;

use crate::letters::{StepFailure, pages::billable_sheets};
use crate::{App, callbacks};

/// Checks a supplied PDF that has no virus, and records that the letter may be printed; with a test key it is `delivered`.
///
/// Fails with [`StepFailure::Noop`] if the letter was cancelled or another worker has checked it meanwhile.
pub(crate) async fn check(
    app: &App,
    letter: &Notification,
    pdf: &Bytes,
) -> Result<(), StepFailure> {
    let PdfSummary { pages } = app.foreign_files.check_pdf(pdf.clone()).await?;
    let is_test = letter.key_type == KeyType::Test;
    let valid = StatusUpdate {
        id: letter.id,
        status: if is_test {
            NotificationStatus::Delivered
        } else {
            NotificationStatus::Created
        },
        sent_at: None,
        sent_by: None,
        reference: None,
        billable_units: (!is_test).then(|| billable_sheets(pages)),
        problem: None,
    };
    let mut tx = app.write().await?;
    let applied = callbacks::apply_updates(app, &mut tx, &[valid], app.clock.now()).await?;
    app.commit_and_notify(tx, applied.pools).await?;
    if applied.count == 1 {
        Ok(())
    } else {
        Err(StepFailure::Noop)
    }
}
