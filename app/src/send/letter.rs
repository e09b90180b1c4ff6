//! The steps of a letter (`docs/spec/letters.md` §1): its pages are made, or scanned and checked; then it waits, and once a
//! print run has claimed it, it is handed to a print provider (§7.2).

use bytes::Bytes;
use domain::{KeyType, NotificationId, NotificationStatus, Postage, Timestamp};
use providers::SendError;
use store::notifications::{Contents, Notification, StatusUpdate};
use tracing::error;

use super::{Accepted, Batch, SendFailure};
use crate::{
    App,
    cache::tenants,
    compose::{self, to_jiff},
    letters::{self, precompiled},
    receipts,
    tasks::Step,
};

/// Upper limit of letters that are worked on at once, because each may hold the pages of a large PDF in memory.
pub(super) const MAX_CONCURRENCY: usize = 4;

/// Upper limit of letters that wait for print providers, for the same reason.
pub(super) const MAX_OPEN_CALLS: usize = 8;

/// Does the step of the task, if it is what the letter needs next.
pub(super) async fn send(
    batch: &Batch<'_>,
    letter: &Notification,
    now: Timestamp,
) -> Result<StatusUpdate, SendFailure> {
    let is_unchecked = letter.status == NotificationStatus::PendingVirusCheck;
    let is_claimed = letter.print_deadline.is_some();
    match batch.step {
        Step::Scan if is_unchecked => scan(batch.app, letter).await,
        Step::Check if is_unchecked => check(batch.app, letter).await,
        // Another worker has checked it.
        Step::Scan | Step::Check => Err(SendFailure::Noop),
        // These tasks are those of versions that did both, and sent at once.
        Step::MakePages | Step::Print if is_unchecked => Err(SendFailure::Next(Step::Scan)),
        Step::Print if letter.key_type == KeyType::Normal && is_claimed => {
            hand_over(batch, letter, now).await
        }
        Step::Print => Err(not_to_be_printed(letter)),
        Step::MakePages if is_claimed => Err(SendFailure::Noop),
        Step::MakePages => make_pages(batch.app, letter).await,
        Step::Email | Step::Sms => unreachable!("these tasks have no letters"),
    }
}

async fn make_pages(app: &App, letter: &Notification) -> Result<StatusUpdate, SendFailure> {
    let source = compose::open(app, letter).await?;
    letters::templated::make(app, letter, &source).await?;
    Err(SendFailure::Noop)
}

async fn scan(app: &App, letter: &Notification) -> Result<StatusUpdate, SendFailure> {
    precompiled::scan(app, letter, &find_pages(app, letter).await?).await?;
    Err(SendFailure::Next(Step::Check))
}

async fn check(app: &App, letter: &Notification) -> Result<StatusUpdate, SendFailure> {
    let turns = &app.foreign_files.turns;
    let turn = turns.begin(letter.service_id, &*app.clock).await;
    let turn = turn.map_err(SendFailure::NoRoom)?;
    precompiled::check(app, letter, &find_pages(app, letter).await?, turn).await?;
    // The check itself has recorded its result.
    Err(SendFailure::Noop)
}

async fn find_pages(app: &App, letter: &Notification) -> Result<Bytes, SendFailure> {
    let stored = letters::find_pages(app, letter.service_id, letter.id).await?;
    stored.ok_or_else(|| SendFailure::technical("the PDF of the letter is not in the file storage"))
}

/// Returns what becomes of a letter that no print run has claimed.
fn not_to_be_printed(letter: &Notification) -> SendFailure {
    if letter.print_deadline.is_some() {
        error!(
            notification.id = %letter.id, service.id = %letter.service_id,
            "letter {} has a {} key and is not printed", letter.id, letter.key_type
        );
        return SendFailure::Noop;
    }
    // Enqueued by a version that sent letters at once.
    SendFailure::Next(Step::MakePages)
}

async fn hand_over(
    batch: &Batch<'_>,
    notification: &Notification,
    now: Timestamp,
) -> Result<StatusUpdate, SendFailure> {
    let app = batch.app;
    let contents = compose::open(app, notification).await?.contents;
    let pdf = find_pages(app, notification).await?;
    let letter = provider_letter(app, notification, &contents, pdf, now).await?;
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
    // Before the provider is recorded: without them, nothing is sent.
    letters::credentials::refresh(app, provider).await?;
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
            Ok(accepted.home_outcome(notification.id, now))
        }
        // No recipient can be at fault: a person must look (`docs/spec/letters.md` §7.2).
        Err(SendError::Rejected { detail, .. }) => Err(SendFailure::technical(detail.to_string())),
        Err(error) => Err(SendFailure::from_provider(&error, None)),
    }
}

async fn provider_letter(
    app: &App,
    notification: &Notification,
    contents: &Contents,
    pdf: Bytes,
    now: Timestamp,
) -> Result<providers::Letter, SendFailure> {
    let reference = notification
        .reference
        .clone()
        .ok_or_else(|| SendFailure::technical("the letter has no reference to be printed under"))?;
    let address = contents.recipient.reveal().lines().map(str::to_owned);
    let tenant = tenants::find(app, notification.service_id).await?;
    let organisation = tenant.and_then(|tenant| tenant.service.organisation_id);
    Ok(providers::Letter {
        id: notification.id.as_uuid(),
        at: to_jiff(now),
        reference,
        service: notification.service_id.as_uuid(),
        organisation: organisation.map(domain::OrganisationId::as_uuid),
        address: address.collect(),
        postage: notification.postage.unwrap_or(Postage::Second),
        status_url: status_url(app, notification.id),
        pdf,
    })
}

/// Returns where the print provider reports on a letter.
fn status_url(app: &App, letter: NotificationId) -> String {
    let token = receipts::letter_status_token(app, letter);
    let root = &app.settings.api_base_url;
    format!("{root}/notifications/letter/status?token={token}")
}

/// Records the provider in `sent_by` before sending, so that no other provider gets the letter, even if this process dies
/// before the provider answers. Fails with [`SendFailure::Noop`] if the letter is no longer `created`.
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

/// Clears `sent_by` of a letter that no provider has, so that any can get it.
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
