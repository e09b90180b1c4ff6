//! Handing over an e-mail (`docs/spec/workers.md` §7.1).

use ::templates::{
    emails::{Brand, Branding},
    placeholders::Values,
};
use domain::{KeyType, NotificationStatus, Timestamp};
use providers::Email;
use store::notifications::Notification;

use super::{Batch, RETRY_DELAY, SendResult, accepted_outcome, error_outcome, failed_outcome};
use crate::{
    App, Tenant,
    cache::templates::{self, Text},
    compose::to_jiff,
    receipts::{self, unsubscribe},
};

/// How many e-mails can usefully be handed over at once.
pub(super) fn max_concurrency(app: &App) -> usize {
    app.providers
        .email
        .iter()
        .map(|one| one.provider.concurrency())
        .max()
        .unwrap_or(1)
}

/// Renders an e-mail and hands it over.
pub(super) async fn send(batch: &Batch<'_>, message: &Notification, now: Timestamp) -> SendResult {
    let app = batch.app;
    if message.key_type == KeyType::Test {
        return SendResult::Final(receipts::simulate_send(message, now));
    }
    let again = |why: String| SendResult::Retry {
        id: message.id,
        after: RETRY_DELAY,
        why,
    };
    let email = match render(app, batch.tenant, message, now).await {
        Ok(Some(email)) => email,
        Ok(None) => return broken(message),
        Err(fault) => return again(fault.to_string()),
    };
    let Some(provider) = app.providers.choose_email(app.random()) else {
        return again("email notification failed as no active providers".to_owned());
    };
    if !batch.begin_attempt(message.id) {
        return SendResult::LeaseLost;
    }
    match provider.send(&email).await {
        Ok(taken) => SendResult::Final(accepted_outcome(
            message,
            provider.name(),
            provider.reports_delivery(),
            taken.reference,
            now,
        )),
        Err(error) => error_outcome(message, &error, RETRY_DELAY),
    }
}

async fn render(
    app: &App,
    tenant: &Tenant,
    message: &Notification,
    now: Timestamp,
) -> Result<Option<Email>, std::sync::Arc<store::Error>> {
    let prepared = templates::find_version(
        app,
        message.service_id,
        message.template_id,
        message.template_version,
    )
    .await?;
    let Some(prepared) = prepared else {
        return Ok(None);
    };
    let Text::Email(text) = &prepared.text else {
        return Ok(None);
    };
    let contents = message.open(app.store.keyring())?;
    let values = Values::from_json(contents.personalisation.reveal());
    let unsubscribe_url = unsubscribe::url(app, message, &contents, &prepared);
    let service = &tenant.service;
    let brand = Brand {
        name: Some(service.name.clone()),
        ..Brand::default()
    };
    let branding = Branding { brand: Some(brand) };
    Ok(Some(Email {
        id: message.id.as_uuid(),
        at: to_jiff(now),
        from_name: service.name.clone(),
        from_address: format!(
            "{}@{}",
            service.email_sender_local_part, app.settings.email_domain
        ),
        to: contents.normalised.into_inner(),
        reply_to: message.reply_to_text.clone(),
        subject: text.subject(&values),
        plain_body: text.plain_body(&values),
        html_body: text.html_page(&values, &branding),
        unsubscribe_url,
    }))
}

fn broken(message: &Notification) -> SendResult {
    let why = format!(
        "there is no e-mail template {} any more",
        message.template_id
    );
    SendResult::Final(failed_outcome(
        message.id,
        NotificationStatus::TechnicalFailure,
        why,
    ))
}
