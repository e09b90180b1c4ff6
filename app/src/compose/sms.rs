//! Stored text messages, rendered for a provider or for counting.

use ::templates::placeholders::Values;
use domain::Timestamp;
use providers::Sms;
use store::notifications::Notification;

use super::to_jiff;
use crate::{
    App, Tenant,
    cache::templates::{self, Text},
};

/// A text message ready to be sent.
pub(crate) struct RenderedSms {
    pub(crate) sms: Sms,
    /// How many fragments it is billed as.
    pub(crate) fragments: u32,
}

/// Renders a stored text message. Returns nothing if its template is gone.
pub(crate) async fn render(
    app: &App,
    tenant: &Tenant,
    message: &Notification,
    now: Timestamp,
) -> Result<Option<RenderedSms>, std::sync::Arc<store::Error>> {
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
    let contents = message.open(app.store.keyring())?;
    let values = Values::from_json(contents.personalisation.reveal());
    let filled = text.fill(&values, tenant.sms_prefix());
    let fragments = filled.fragment_count();
    let sms = Sms {
        id: message.id.as_uuid(),
        at: to_jiff(now),
        to: contents.normalised.into_inner(),
        content: filled.into_text(),
        sender: message.reply_to_text.clone().unwrap_or_default(),
        international: message.international,
    };
    Ok(Some(RenderedSms { sms, fragments }))
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
