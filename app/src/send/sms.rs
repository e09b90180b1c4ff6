//! Sending a text message (`docs/spec/workers.md` §7.1).

use std::time::Duration;

use domain::{KeyType, Timestamp};
use store::notifications::{Notification, StatusUpdate};

use super::{Accepted, Batch, SendFailure};
use crate::{compose, receipts};

/// Renders a text message and sends it.
pub(super) async fn send(
    batch: &Batch<'_>,
    notification: &Notification,
    now: Timestamp,
) -> Result<StatusUpdate, SendFailure> {
    let app = batch.app;
    let rendered = compose::sms::render(app, batch.tenant, notification, now).await?;
    let rendered = rendered.ok_or_else(|| {
        let template = notification.template_id;
        SendFailure::technical(format!(
            "there is no text message template {template} any more"
        ))
    })?;
    let billable_units = Some(rendered.fragments);
    if notification.key_type == KeyType::Test {
        return Ok(StatusUpdate {
            billable_units,
            ..receipts::simulate_send(notification, now)
        });
    }
    let providers = &app.providers.sms;
    let slot = batch.acquire_slot(notification, 0..providers.len()).await?;
    let provider = &*providers[slot.provider()].provider;
    batch.begin_call(notification, provider.name(), billable_units)?;
    let call = provider.send(&rendered.sms);
    let sent = batch.call(slot, notification.id, call).await;
    // The first retry comes at once, because another provider will probably be chosen for it.
    let is_first = batch.task.leased().attempt == 0;
    let receipt = sent
        .map_err(|error| SendFailure::from_provider(&error, is_first.then_some(Duration::ZERO)))?;
    let accepted = Accepted {
        provider: provider.name(),
        reports_delivery: provider.reports_delivery(),
        reference: receipt.reference,
    };
    Ok(StatusUpdate {
        billable_units,
        ..accepted.outcome(notification, now)
    })
}
