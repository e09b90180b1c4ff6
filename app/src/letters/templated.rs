//! The pages of a letter from a template (`docs/spec/letters.md` §4.3): typeset once, stored, and counted. The letter then
//! waits for the print run.

use bytes::Bytes;
use domain::{KeyType, NotificationStatus};
use store::notifications::{Notification, StatusUpdate};
use tracing::info;
use typesetting::{MAX_LETTER_PAGES, PdfProblem, PdfSummary};

use super::{
    StepFailure, make_pages,
    pages::{billable_sheets, find_pages, store_pages},
};
use crate::{App, ParsedTemplate, callbacks, compose::Source, foreign_files::PdfError};

/// Makes the pages of a letter, unless they exist, and lets it wait for the print run. A letter with a test key gets pages
/// and waits for nothing.
pub(crate) async fn make(
    app: &App,
    letter: &Notification,
    source: &Source,
) -> Result<(), StepFailure> {
    let (pages, bytes) = match find_pages(app, letter.service_id, letter.id).await? {
        Some(pdf) => (count_stored(app, &pdf).await?, pdf.len()),
        None if is_supplied(source.template.as_deref()) => {
            return Err(StepFailure::technical(
                "the PDF of the letter is not in the file storage",
            ));
        }
        None => typeset(app, letter, source).await?,
    };
    record(app, letter, pages, bytes).await
}

/// Returns whether the pages were supplied as a PDF: such letters use the service's hidden template.
fn is_supplied(template: Option<&ParsedTemplate>) -> bool {
    template.is_some_and(|template| template.template.hidden)
}

/// Counts pages that were stored before, by an earlier attempt or an earlier version of the program.
async fn count_stored(app: &App, pdf: &Bytes) -> Result<usize, StepFailure> {
    match app.foreign_files.check_pdf(pdf.clone()).await {
        Ok(PdfSummary { pages }) | Err(PdfError::Problem(PdfProblem::TooLong { pages })) => {
            Ok(pages)
        }
        Err(PdfError::Unavailable(fault)) => Err(fault.into()),
        Err(PdfError::Problem(problem)) => Err(StepFailure::technical(format!(
            "the pages that were kept cannot be used: {problem}"
        ))),
    }
}

async fn typeset(
    app: &App,
    letter: &Notification,
    source: &Source,
) -> Result<(usize, usize), StepFailure> {
    let made = make_pages(app, letter, source.template.clone(), &source.contents).await?;
    store_pages(app, letter.service_id, letter.id, &made.pdf).await?;
    Ok((made.pages, made.pdf.len()))
}

/// Records the pages. Repeating it changes nothing.
async fn record(
    app: &App,
    letter: &Notification,
    pages: usize,
    bytes: usize,
) -> Result<(), StepFailure> {
    let (service, id) = (letter.service_id, letter.id);
    let now = app.clock.now();
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    let mut tx = app.write().await?;
    // Whatever becomes of the letter, its pages are stored.
    store::notifications::set_file_bytes(&mut tx, service, id, bytes).await?;
    let is_test = letter.key_type == KeyType::Test;
    if !is_test && pages > MAX_LETTER_PAGES {
        tx.commit().await?;
        info!(notification.id = %id, "Validation failed: letter is too long {pages} for letter with id: {id}");
        let why = PdfProblem::TooLong { pages }.to_string();
        return Err(StepFailure::Permanent(
            NotificationStatus::ValidationFailed,
            why,
        ));
    }
    let mut pools: &[&str] = &[];
    if is_test && letter.status == NotificationStatus::Created {
        // Stored by a version that did not know that such a letter is `delivered` from the start.
        let delivered = StatusUpdate::new(id, NotificationStatus::Delivered);
        pools = callbacks::apply_updates(app, &mut tx, &[delivered], now)
            .await?
            .pools;
    }
    let sheets = billable_sheets(pages);
    store::print_runs::set_printable(&mut tx, service, id, sheets, now).await?;
    app.commit_and_notify(tx, pools).await?;
    Ok(())
}
