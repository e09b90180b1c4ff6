//! Sending an e-mail (`docs/spec/workers.md` §7.1).

use domain::{KeyType, Timestamp};
use store::notifications::{Notification, StatusUpdate};

use super::{Accepted, Batch, SendFailure};
use crate::{
    compose,
    receipts::{self, unsubscribe},
};

/// Renders an e-mail and sends it.
pub(super) async fn send(
    batch: &Batch<'_>,
    notification: &Notification,
    now: Timestamp,
) -> Result<StatusUpdate, SendFailure> {
    let app = batch.app;
    if notification.key_type == KeyType::Test {
        return Ok(receipts::simulate_send(notification, now));
    }
    let source = compose::open(app, notification).await?;
    let unsubscribe_url = source
        .template
        .as_deref()
        .and_then(|template| unsubscribe::url(app, notification, &source.contents, template));
    let email = compose::email::render(
        app,
        batch.tenant,
        notification,
        source,
        unsubscribe_url,
        now,
    );
    let email = email.ok_or_else(|| {
        let template = notification.template_id;
        SendFailure::technical(format!("there is no e-mail template {template} any more"))
    })?;
    let providers = &app.providers.email;
    let slot = batch.acquire_slot(notification, 0..providers.len()).await?;
    let provider = &*providers[slot.provider()].provider;
    batch.begin_call(notification, provider.name(), None)?;
    let call = provider.send(&email);
    let sent = batch.call(slot, notification.id, call).await;
    let receipt = sent.map_err(|error| SendFailure::from_provider(&error, None))?;
    let accepted = Accepted {
        provider: provider.name(),
        reports_delivery: provider.reports_delivery(),
        reference: receipt.reference,
    };
    Ok(accepted.outcome(notification, now))
}
