//! Handing over a text message (`docs/spec/workers.md` §7.1).

use std::time::Duration;

use domain::{KeyType, NotificationStatus, Timestamp};
use store::notifications::{Notification, StatusUpdate};

use super::{Batch, RETRY_DELAY, SendResult, accepted_outcome, error_outcome, failed_outcome};
use crate::{App, compose, receipts};

/// How many texts can usefully be handed over at once.
pub(super) fn max_concurrency(app: &App) -> usize {
    app.providers
        .sms
        .iter()
        .map(|one| one.provider.concurrency())
        .max()
        .unwrap_or(1)
}

/// Renders a text and hands it over. The first retry comes at once – another provider will probably be drawn.
pub(super) async fn send(
    batch: &Batch<'_>,
    message: &Notification,
    now: Timestamp,
    attempt: u32,
) -> SendResult {
    let app = batch.app;
    let delay = if attempt == 0 {
        Duration::ZERO
    } else {
        RETRY_DELAY
    };
    let again = |why: String| SendResult::Retry {
        id: message.id,
        after: RETRY_DELAY,
        why,
    };
    let rendered = match compose::sms::render(app, batch.tenant, message, now).await {
        Ok(Some(rendered)) => rendered,
        Ok(None) => return broken(message),
        Err(fault) => return again(fault.to_string()),
    };
    if message.key_type == KeyType::Test {
        let pretended = receipts::simulate_send(message, now);
        return SendResult::Final(StatusUpdate {
            billable_units: Some(rendered.fragments),
            ..pretended
        });
    }
    let Some(provider) = app
        .providers
        .choose_sms(message.international, app.random())
    else {
        return again("sms notification failed as no active providers".to_owned());
    };
    if !batch.begin_attempt(message.id) {
        return SendResult::LeaseLost;
    }
    match provider.send(&rendered.sms).await {
        Ok(taken) => SendResult::Final(StatusUpdate {
            billable_units: Some(rendered.fragments),
            ..accepted_outcome(
                message,
                provider.name(),
                provider.reports_delivery(),
                taken.reference,
                now,
            )
        }),
        Err(error) => error_outcome(message, &error, delay),
    }
}

fn broken(message: &Notification) -> SendResult {
    let why = format!(
        "there is no text message template {} any more",
        message.template_id
    );
    SendResult::Final(failed_outcome(
        message.id,
        NotificationStatus::TechnicalFailure,
        why,
    ))
}
