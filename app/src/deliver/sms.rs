//! Handing over a text message (`docs/spec/workers.md` §7.1).

use std::time::Duration;

use content::placeholders::Values;
use domain::{KeyType, NotificationStatus, Timestamp};
use providers::Sms;
use store::notifications::{Notification, Outcome};

use super::{Batch, RETRY_DELAY, Step, failed, handed, moment, refused};
use crate::{App, Tenant, receipts, templates, templates::Text};

/// How many texts can usefully be handed over at once.
pub(super) fn at_once(app: &App) -> usize {
    app.providers
        .sms
        .iter()
        .map(|one| one.provider.concurrency())
        .max()
        .unwrap_or(1)
}

/// Renders a text and hands it over. The first retry comes at once – another provider will probably be drawn.
pub(super) async fn hand_over(
    batch: &Batch<'_>,
    message: &Notification,
    now: Timestamp,
    attempt: u32,
) -> Step {
    let app = batch.app;
    let delay = if attempt == 0 {
        Duration::ZERO
    } else {
        RETRY_DELAY
    };
    let again = |why: String| Step::Again {
        id: message.id,
        after: RETRY_DELAY,
        why,
    };
    let rendered = match render(app, batch.tenant, message, now).await {
        Ok(Some(rendered)) => rendered,
        Ok(None) => return broken(message),
        Err(fault) => return again(fault.to_string()),
    };
    if message.key_type == KeyType::Test {
        let pretended = receipts::pretend_to_send(message, now);
        return Step::Settled(Outcome {
            billable_units: Some(rendered.fragments),
            ..pretended
        });
    }
    let Some(provider) = app
        .providers
        .choose_sms(message.international, app.entropy())
    else {
        return again("sms notification failed as no active providers".to_owned());
    };
    if !batch.may_ask(message.id) {
        return Step::Abandoned;
    }
    match provider.send(&rendered.sms).await {
        Ok(taken) => Step::Settled(Outcome {
            billable_units: Some(rendered.fragments),
            ..handed(
                message,
                provider.name(),
                provider.reports_delivery(),
                taken.reference,
                now,
            )
        }),
        Err(error) => refused(message, &error, delay),
    }
}

struct Rendered {
    sms: Sms,
    fragments: u32,
}

async fn render(
    app: &App,
    tenant: &Tenant,
    message: &Notification,
    now: Timestamp,
) -> Result<Option<Rendered>, std::sync::Arc<store::Error>> {
    let prepared = templates::find_version(
        app,
        message.service_id,
        message.template_id,
        message.template_version,
    )
    .await?;
    let Some(Text::Sms(text)) = prepared.as_deref().map(|prepared| &prepared.text) else {
        return Ok(None);
    };
    let contents = message.open(app.store.vault())?;
    let values = Values::from_json(contents.personalisation.reveal());
    let filled = text.fill(&values, tenant.sms_prefix());
    let fragments = filled.fragment_count();
    let sms = Sms {
        id: message.id.as_uuid(),
        at: moment(now),
        to: contents.normalised.into_inner(),
        content: filled.into_text(),
        sender: message.reply_to_text.clone().unwrap_or_default(),
        international: message.international,
    };
    Ok(Some(Rendered { sms, fragments }))
}

/// How many fragments a text has, if its template is still there: for one whose hand-over could not be recorded.
pub(crate) async fn fragments(
    app: &App,
    tenant: &Tenant,
    message: &Notification,
) -> Result<Option<u32>, std::sync::Arc<store::Error>> {
    let rendered = render(app, tenant, message, message.created_at).await?;
    Ok(rendered.map(|rendered| rendered.fragments))
}

fn broken(message: &Notification) -> Step {
    let why = format!(
        "there is no text message template {} any more",
        message.template_id
    );
    Step::Settled(failed(
        message.id,
        NotificationStatus::TechnicalFailure,
        why,
    ))
}
