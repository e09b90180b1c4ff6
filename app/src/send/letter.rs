//! Sending a letter (`docs/spec/letters.md` §4.3, §5.2, §5.3, §7.2).
//!
//! Pages of a letter from a template are typeset here, once: they are stored before the letter is sent, and a retry finds
//! them. A supplied PDF is scanned and validated, and the letter becomes `created` in a transaction of its own before it
//! is sent like the others; its pages stay the bytes that were supplied. A letter with a test key gets its pages or its
//! validation, and is not sent.

use std::sync::Arc;

use bytes::Bytes;
use domain::{KeyType, NotificationStatus, Postage, Timestamp};
use providers::SendError;
use store::notifications::{Contents, Notification, StatusUpdate};
use typesetting::{MAX_LETTER_PAGES, PdfProblem, PdfSummary};

use super::{Accepted, Batch, SendFailure};
use crate::{
    App, ParsedTemplate,
    compose::{self, Source, to_jiff},
    foreign_files::{PdfError, Unavailable},
    letters::{self, TypesetError, billable_sheets, make_pages, precompiled},
    tasks,
};

/// Upper limit of letters that are worked on at once, because each may hold the pages of a large PDF in memory.
pub(super) const MAX_CONCURRENCY: usize = 4;

/// Upper limit of letters that wait for print providers, for the same reason.
pub(super) const MAX_OPEN_CALLS: usize = 8;

impl From<TypesetError> for SendFailure {
    fn from(problem: TypesetError) -> Self {
        let status = match problem {
            TypesetError::Letter(typesetting::LetterProblem::TooLong)
            | TypesetError::Unprintable(_) => NotificationStatus::ValidationFailed,
            _ => NotificationStatus::TechnicalFailure,
        };
        Self::Permanent(status, problem.to_string())
    }
}

impl From<Unavailable> for SendFailure {
    fn from(fault: Unavailable) -> Self {
        Self::retry(fault.to_string())
    }
}

/// Makes or validates the pages of a letter and sends it.
pub(super) async fn send(
    batch: &Batch<'_>,
    notification: &Notification,
    now: Timestamp,
) -> Result<StatusUpdate, SendFailure> {
    let app = batch.app;
    if notification.status == NotificationStatus::PendingVirusCheck {
        scan_and_check(app, notification)
            .await
            .map_err(|failure| failure.with_policy(tasks::LETTER_PDF))?;
        // The check has read the address from the pages, and replaced them.
        let (service, id) = (notification.service_id, notification.id);
        let mut session = app.read().await?;
        let checked = store::notifications::find(&mut session, service, id).await?;
        drop(session);
        let checked = checked.filter(|letter| letter.status == NotificationStatus::Created);
        return make_and_send(batch, &checked.ok_or(SendFailure::Noop)?, now).await;
    }
    make_and_send(batch, notification, now).await
}

async fn scan_and_check(app: &App, letter: &Notification) -> Result<(), SendFailure> {
    let stored = letters::find_pages(app, letter.service_id, letter.id).await?;
    let pdf = stored.ok_or_else(|| {
        SendFailure::technical("the PDF of the letter is not in the file storage")
    })?;
    precompiled::scan(app, letter, &pdf).await?;
    precompiled::check(app, letter, &pdf).await?;
    Ok(())
}

async fn make_and_send(
    batch: &Batch<'_>,
    notification: &Notification,
    now: Timestamp,
) -> Result<StatusUpdate, SendFailure> {
    let app = batch.app;
    let source = compose::open(app, notification).await?;
    let pages = find_or_make_pages(app, notification, &source)
        .await
        .map_err(|failure| failure.with_policy(tasks::LETTER_PDF))?;
    if notification.key_type == KeyType::Test {
        return end_test_letter(notification);
    }
    if pages.count > MAX_LETTER_PAGES {
        let why = PdfProblem::TooLong { pages: pages.count }.to_string();
        return Err(SendFailure::Permanent(
            NotificationStatus::ValidationFailed,
            why,
        ));
    }
    send_to_provider(batch, notification, &source.contents, pages, now).await
}

struct Pages {
    pdf: Bytes,
    count: usize,
}

async fn find_or_make_pages(
    app: &App,
    notification: &Notification,
    source: &Source,
) -> Result<Pages, SendFailure> {
    let stored = letters::find_pages(app, notification.service_id, notification.id).await?;
    match stored {
        Some(pdf) => Pages::counted(app, pdf).await,
        None if is_supplied(source.template.as_deref()) => Err(SendFailure::technical(
            "the PDF of the letter is not in the file storage",
        )),
        None => typeset(app, notification, source).await,
    }
}

/// Returns whether the pages were supplied as a PDF: such letters use the service's hidden template.
fn is_supplied(template: Option<&ParsedTemplate>) -> bool {
    template.is_some_and(|template| template.template.hidden)
}

impl Pages {
    /// Counts pages that were stored before, by an earlier attempt or after validation.
    async fn counted(app: &App, pdf: Bytes) -> Result<Self, SendFailure> {
        match app.foreign_files.check_pdf(pdf.clone()).await {
            Ok(PdfSummary { pages }) | Err(PdfError::Problem(PdfProblem::TooLong { pages })) => {
                Ok(Self { pdf, count: pages })
            }
            Err(PdfError::Unavailable(fault)) => Err(fault.into()),
            Err(PdfError::Problem(problem)) => Err(SendFailure::technical(format!(
                "the pages that were kept cannot be used: {problem}"
            ))),
        }
    }
}

async fn typeset(
    app: &App,
    notification: &Notification,
    source: &Source,
) -> Result<Pages, SendFailure> {
    let template: Option<Arc<ParsedTemplate>> = source.template.clone();
    let made = make_pages(notification, template, &source.contents).await?;
    letters::store_pages(app, notification.service_id, notification.id, &made.pdf).await?;
    letters::count_bytes(app, notification, made.pdf.len()).await?;
    Ok(Pages {
        pdf: made.pdf.into(),
        count: made.pages,
    })
}

/// Ends a letter with a test key, which now has its pages.
fn end_test_letter(notification: &Notification) -> Result<StatusUpdate, SendFailure> {
    // It is `delivered` from the start, unless it was stored by a version that did not know that.
    if notification.status != NotificationStatus::Created {
        return Err(SendFailure::Noop);
    }
    Ok(StatusUpdate::new(
        notification.id,
        NotificationStatus::Delivered,
    ))
}

async fn send_to_provider(
    batch: &Batch<'_>,
    notification: &Notification,
    contents: &Contents,
    pages: Pages,
    now: Timestamp,
) -> Result<StatusUpdate, SendFailure> {
    let app = batch.app;
    let sheets = billable_sheets(pages.count);
    let letter = provider_letter(notification, contents, pages, now)?;
    // A provider that did not answer may have the letter and recognises it by its reference. Another one would print it
    // a second time.
    let earlier = notification.sent_by.as_deref();
    let providers = &app.providers.letter;
    let is_earlier = |place: &usize| Some(providers[*place].provider.name()) == earlier;
    let slot = match (0..providers.len()).find(is_earlier) {
        Some(same) => {
            batch
                .acquire_slot(notification, std::iter::once(same))
                .await?
        }
        None => batch.acquire_slot(notification, 0..providers.len()).await?,
    };
    let provider = &*providers[slot.provider()].provider;
    reserve_for_provider(app, notification, provider.name()).await?;
    batch.begin_call(notification, provider.name(), None)?;
    let call = provider.send(&letter);
    let sent = batch.call(slot, notification.id, call).await;
    if earlier.is_none() && sent.as_ref().is_err_and(is_certainly_not_sent) {
        release_from_provider(app, notification).await?;
    }
    match sent {
        Ok(_) => {
            let accepted = Accepted {
                provider: provider.name(),
                reports_delivery: provider.reports_delivery(),
                // The letter keeps the reference that is printed on it, whatever the provider calls it.
                reference: None,
            };
            Ok(StatusUpdate {
                billable_units: Some(sheets),
                ..accepted.home_outcome(notification.id, now)
            })
        }
        // No recipient can be at fault: a person must look (`docs/spec/letters.md` §7.2).
        Err(SendError::Rejected { detail, .. }) => Err(SendFailure::technical(detail.to_string())),
        Err(error) => Err(SendFailure::from_provider(&error, None)),
    }
}

fn provider_letter(
    notification: &Notification,
    contents: &Contents,
    pages: Pages,
    now: Timestamp,
) -> Result<providers::Letter, SendFailure> {
    let reference = notification
        .reference
        .clone()
        .ok_or_else(|| SendFailure::technical("the letter has no reference to be printed under"))?;
    let address = contents.recipient.reveal().lines().map(str::to_owned);
    Ok(providers::Letter {
        id: notification.id.as_uuid(),
        at: to_jiff(now),
        reference,
        service: notification.service_id.as_uuid(),
        organisation: None,
        address: address.collect(),
        postage: notification.postage.unwrap_or(Postage::Second),
        pdf: pages.pdf,
    })
}

/// Records the provider in `sent_by` before sending, so that a concurrent cancel fails, even if this process dies before
/// the provider answers. Fails with [`SendFailure::Noop`] if the letter is no longer `created`.
async fn reserve_for_provider(
    app: &App,
    notification: &Notification,
    provider: &str,
) -> Result<(), SendFailure> {
    let mut tx = app.write().await?;
    let (service, id) = (notification.service_id, notification.id);
    let is_waiting = store::notifications::set_provider(&mut tx, service, id, provider).await?;
    tx.commit().await?;
    if is_waiting {
        Ok(())
    } else {
        Err(SendFailure::Noop)
    }
}

/// Clears `sent_by` of a letter that no provider has, so that it can be cancelled again.
async fn release_from_provider(app: &App, notification: &Notification) -> Result<(), store::Error> {
    let mut tx = app.write().await?;
    store::notifications::clear_provider(&mut tx, notification.service_id, notification.id).await?;
    tx.commit().await
}

const fn is_certainly_not_sent(error: &SendError) -> bool {
    match error {
        SendError::Unknown { .. } => false,
        SendError::Throttled { .. }
        | SendError::Unavailable { .. }
        | SendError::RecipientUnavailable { .. }
        | SendError::Rejected { .. } => true,
    }
}
