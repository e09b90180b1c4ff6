//! Handing over a letter (`docs/spec/letters.md` §4.3, §5.2, §5.3, §7.2).
//!
//! A letter made from a template gets its pages here, once: they are kept before the letter is handed over, and a
//! second try finds them. A letter given as PDF is scanned and checked, and becomes `created` – that is committed –
//! before it is handed over like the others. Its pages stay the bytes that were given. A letter with a test key gets
//! its pages or its check, and goes nowhere.

use std::sync::Arc;

use bytes::Bytes;
use domain::{KeyType, NotificationStatus, Postage, Timestamp};
use providers::{ScanResult, SendError};
use store::notifications::{Contents, Notification, StatusUpdate};
use tracing::{error, warn};
use typesetting::{MAX_LETTER_PAGES, PdfLimits, PdfProblem, PdfSummary, sheets};

use super::{Batch, RETRY_DELAY, SendResult, error_outcome, failed_outcome};
use crate::{
    App, OpenError, ParsedTemplate,
    cache::templates,
    compose::to_jiff,
    letters::{self, NoPages, make_pages},
};

/// How many letters are worked on at once: each may hold the pages of a large PDF.
const MAX_CONCURRENCY: usize = 4;

/// How many letters can usefully be handed over at once.
pub(super) fn max_concurrency(app: &App) -> usize {
    app.providers
        .letter
        .iter()
        .map(|one| one.provider.concurrency())
        .max()
        .unwrap_or(1)
        .min(MAX_CONCURRENCY)
}

/// Takes a letter as far as it goes.
pub(super) async fn send(batch: &Batch<'_>, message: &Notification, now: Timestamp) -> SendResult {
    match try_send(batch, message, now).await {
        Ok(step) => step,
        Err(Fault::Again(why)) => retry(message, why),
        Err(Fault::Final(status, why)) => fail(message, status, why),
    }
}

/// What keeps a letter from being handed over.
#[derive(Debug)]
enum Fault {
    /// It may be different later.
    Again(String),
    /// It will always be so.
    Final(NotificationStatus, String),
}

impl From<store::Error> for Fault {
    fn from(fault: store::Error) -> Self {
        Self::Again(fault.to_string())
    }
}

impl From<Arc<store::Error>> for Fault {
    fn from(fault: Arc<store::Error>) -> Self {
        Self::Again(fault.to_string())
    }
}

impl From<files::Error> for Fault {
    fn from(fault: files::Error) -> Self {
        Self::Again(fault.to_string())
    }
}

impl From<OpenError> for Fault {
    fn from(fault: OpenError) -> Self {
        match fault {
            OpenError::Damaged => Self::Final(
                NotificationStatus::TechnicalFailure,
                "the pages of the letter are damaged in the file storage".to_owned(),
            ),
            other => Self::Again(other.to_string()),
        }
    }
}

impl From<NoPages> for Fault {
    fn from(problem: NoPages) -> Self {
        let status = match problem {
            NoPages::Letter(typesetting::LetterProblem::TooLong) => {
                NotificationStatus::ValidationFailed
            }
            _ => NotificationStatus::TechnicalFailure,
        };
        Self::Final(status, problem.to_string())
    }
}

async fn try_send(
    batch: &Batch<'_>,
    message: &Notification,
    now: Timestamp,
) -> Result<SendResult, Fault> {
    let app = batch.app;
    let prepared = templates::find_version(
        app,
        message.service_id,
        message.template_id,
        message.template_version,
    )
    .await?;
    let contents = message.open(app.store.keyring())?;
    let given = is_given(prepared.as_deref());
    let kept = letters::find_pages(app, message.service_id, message.id).await?;
    let pages = match kept {
        Some(pdf) if message.status == NotificationStatus::PendingVirusCheck => {
            match scan_and_validate(app, message, &pdf, now).await? {
                Some(count) => Pages { pdf, count },
                None => return Ok(SendResult::Noop),
            }
        }
        Some(pdf) => Pages::counted(pdf).await?,
        None if given => {
            let why = "the PDF of the letter is not in the file storage".to_owned();
            return Err(Fault::Final(NotificationStatus::TechnicalFailure, why));
        }
        None => typeset(app, message, prepared.clone(), &contents).await?,
    };
    if message.key_type == KeyType::Test {
        return Ok(end_of_test_letter(message));
    }
    if pages.count > MAX_LETTER_PAGES {
        let why = PdfProblem::TooLong { pages: pages.count }.to_string();
        return Err(Fault::Final(NotificationStatus::ValidationFailed, why));
    }
    send_to_provider(batch, message, &contents, pages, now).await
}

/// Whether the pages were given: such letters are kept on the service's hidden template.
fn is_given(prepared: Option<&ParsedTemplate>) -> bool {
    prepared.is_some_and(|prepared| prepared.template.hidden)
}

struct Pages {
    pdf: Bytes,
    count: usize,
}

impl Pages {
    /// Pages that were kept before, by us or after a check.
    async fn counted(pdf: Bytes) -> Result<Self, Fault> {
        match check(pdf.clone()).await {
            Ok(PdfSummary { pages }) | Err(PdfProblem::TooLong { pages }) => {
                Ok(Self { pdf, count: pages })
            }
            Err(problem) => Err(Fault::Final(
                NotificationStatus::TechnicalFailure,
                format!("the pages that were kept cannot be used: {problem}"),
            )),
        }
    }
}

/// Looks at a PDF where nobody waits for the same thread.
async fn check(pdf: Bytes) -> Result<PdfSummary, PdfProblem> {
    tokio::task::spawn_blocking(move || typesetting::check_pdf(&pdf, PdfLimits::default()))
        .await
        .unwrap_or(Err(PdfProblem::Unreadable))
}

/// Typesets a letter and keeps its pages.
async fn typeset(
    app: &App,
    message: &Notification,
    prepared: Option<Arc<ParsedTemplate>>,
    contents: &Contents,
) -> Result<Pages, Fault> {
    let made = make_pages(message, prepared, contents).await?;
    letters::store_pages(app, message.service_id, message.id, &made.pdf).await?;
    Ok(Pages {
        pdf: made.pdf.into(),
        count: made.pages,
    })
}

/// Scans and checks a PDF that was given, and records that it is good; its pages are counted. `None`: there is nothing
/// more to do, because it has a test key, was cancelled, or another worker was faster.
async fn scan_and_validate(
    app: &App,
    message: &Notification,
    pdf: &Bytes,
    now: Timestamp,
) -> Result<Option<usize>, Fault> {
    if let Some(scanner) = &app.providers.scanner {
        match scanner.scan(pdf).await {
            Ok(ScanResult::Clean) => {}
            Ok(ScanResult::Virus) => {
                error!(
                    notification.id = %message.id, service.id = %message.service_id,
                    "notification id {} Virus scan failed", message.id
                );
                let why = "the virus scanner found a virus".to_owned();
                return Err(Fault::Final(NotificationStatus::VirusScanFailed, why));
            }
            Err(fault) => return Err(Fault::Again(fault.to_string())),
        }
    }
    let PdfSummary { pages } = check(pdf.clone()).await.map_err(|problem| {
        let why = format!("{}: {problem}", problem.reason());
        Fault::Final(NotificationStatus::ValidationFailed, why)
    })?;
    let is_test = message.key_type == KeyType::Test;
    let good = StatusUpdate {
        id: message.id,
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
    let changed = store::notifications::apply(&mut tx, &[good], now).await?;
    tx.commit().await?;
    Ok((changed == 1 && !is_test).then_some(pages))
}

fn billable_sheets(pages: usize) -> u32 {
    u32::try_from(sheets(pages)).unwrap_or(u32::MAX)
}

/// A letter with a test key has its pages now. It counted as delivered already, unless it was kept by somebody who did
/// not know that.
fn end_of_test_letter(message: &Notification) -> SendResult {
    if message.status == NotificationStatus::Created {
        SendResult::Final(StatusUpdate {
            problem: None,
            ..failed_outcome(message.id, NotificationStatus::Delivered, String::new())
        })
    } else {
        SendResult::Noop
    }
}

async fn send_to_provider(
    batch: &Batch<'_>,
    message: &Notification,
    contents: &Contents,
    pages: Pages,
    now: Timestamp,
) -> Result<SendResult, Fault> {
    let app = batch.app;
    let Some(reference) = message.reference.clone() else {
        let why = "the letter has no reference to be printed under".to_owned();
        return Err(Fault::Final(NotificationStatus::TechnicalFailure, why));
    };
    // One who fell silent may have it: he knows it again by its reference, and another would print it too.
    let before = message.sent_by.as_deref();
    let Some(provider) = app.providers.choose_letter(before, app.random()) else {
        return Err(Fault::Again(
            "letter notification failed as no active providers".to_owned(),
        ));
    };
    let letter = providers::Letter {
        id: message.id.as_uuid(),
        at: to_jiff(now),
        reference,
        service: message.service_id.as_uuid(),
        organisation: None,
        address: contents
            .recipient
            .reveal()
            .lines()
            .map(str::to_owned)
            .collect(),
        postage: message.postage.unwrap_or(Postage::Second),
        pdf: pages.pdf,
    };
    if !reserve_for_provider(app, message, provider.name()).await? {
        return Ok(SendResult::Noop);
    }
    if !batch.begin_attempt(message.id) {
        return Ok(SendResult::LeaseLost);
    }
    let sent = provider.send(&letter).await;
    if before.is_none() && sent.as_ref().is_err_and(is_not_there) {
        is_not_printed(app, message).await?;
    }
    match sent {
        Ok(_) => Ok(SendResult::Final(StatusUpdate {
            id: message.id,
            status: if provider.reports_delivery() {
                NotificationStatus::Sending
            } else {
                NotificationStatus::Delivered
            },
            sent_at: Some(now),
            sent_by: Some(provider.name().to_owned()),
            // The letter keeps the name that is printed on it, whatever the provider calls it.
            reference: None,
            billable_units: Some(billable_sheets(pages.count)),
            problem: None,
        })),
        // There is no recipient who could be at fault: a person must look (`docs/spec/letters.md` §7.2).
        Err(SendError::Rejected { detail, .. }) => Err(Fault::Final(
            NotificationStatus::TechnicalFailure,
            detail.to_string(),
        )),
        Err(error) => Ok(error_outcome(message, &error, RETRY_DELAY)),
    }
}

/// Keeps, before the printer is spoken to, that from now on he may have the letter: whoever cancels sees it, even if this
/// process dies before it hears an answer. False if the letter does not wait any more.
async fn reserve_for_provider(
    app: &App,
    message: &Notification,
    printer: &str,
) -> Result<bool, store::Error> {
    let mut tx = app.write().await?;
    let (service, id) = (message.service_id, message.id);
    let waits = store::notifications::set_provider(&mut tx, service, id, printer).await?;
    tx.commit().await?;
    Ok(waits)
}

/// The printer has said that he does not have it, and nobody else may: it can be cancelled again.
async fn is_not_printed(app: &App, message: &Notification) -> Result<(), store::Error> {
    let mut tx = app.write().await?;
    store::notifications::clear_provider(&mut tx, message.service_id, message.id).await?;
    tx.commit().await
}

/// Whether by this answer the printer does not have the letter.
const fn is_not_there(error: &SendError) -> bool {
    match error {
        SendError::Unknown { .. } => false,
        SendError::Throttled { .. }
        | SendError::Unavailable { .. }
        | SendError::Rejected { .. } => true,
    }
}

fn retry(message: &Notification, why: String) -> SendResult {
    SendResult::Retry {
        id: message.id,
        after: RETRY_DELAY,
        why,
    }
}

fn fail(message: &Notification, status: NotificationStatus, why: String) -> SendResult {
    if !message.status.can_transition_to(status) {
        warn!(
            notification.id = %message.id, service.id = %message.service_id,
            "letter {} has no pages, and stays {}: {why}", message.id, message.status
        );
        return SendResult::Noop;
    }
    SendResult::Final(failed_outcome(message.id, status, why))
}
