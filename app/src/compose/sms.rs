//! Stored text messages, rendered for a provider or for counting.

use ::templates::{
    placeholders::Values,
    text_messages::{TextMessage, TextMessageTemplate},
};
use domain::{Permission, Timestamp};
use providers::Sms;
use recipients::phone_numbers::PhoneNumber;
use store::notifications::Notification;

use super::{open, to_jiff};
use crate::{App, Tenant, cache::templates::Text};

/// A text message ready to be sent.
pub(crate) struct RenderedSms {
    pub(crate) sms: Sms,
    /// The number of fragments for which the message is billed.
    pub(crate) fragments: u32,
}

/// Renders a stored text message. Returns nothing if its template is gone.
pub(crate) async fn render(
    app: &App,
    tenant: &Tenant,
    notification: &Notification,
    now: Timestamp,
) -> Result<Option<RenderedSms>, std::sync::Arc<store::Error>> {
    let source = open(app, notification).await?;
    let Some(Text::Sms(text)) = source.template.as_deref().map(|template| &template.text) else {
        return Ok(None);
    };
    let values = Values::from_json(source.contents.personalisation.reveal());
    let filled = fill(tenant, text, &values, tenant.sms_prefix());
    // Counted of what is sent: a service's name before the text costs fragments too.
    let fragments = filled.fragment_count();
    let sms = Sms {
        id: notification.id.as_uuid(),
        at: to_jiff(now),
        to: source.contents.normalised.into_inner(),
        content: filled.into_text(),
        sender: notification.reply_to_text.clone().unwrap_or_default(),
        international: notification.international,
    };
    Ok(Some(RenderedSms { sms, fragments }))
}

/// Fills a text message in the characters that the service may send.
pub(crate) fn fill(
    tenant: &Tenant,
    text: &TextMessageTemplate,
    values: &Values,
    prefix: Option<&str>,
) -> TextMessage {
    if tenant.has_permission(Permission::UnicodeSms) {
        text.fill_unicode(values, prefix)
    } else {
        text.fill_composed(values, prefix)
    }
}

/// Counts the fragments of a text message whose sending could not be recorded. Returns nothing if its template is gone.
pub(crate) async fn fragments(
    app: &App,
    tenant: &Tenant,
    notification: &Notification,
) -> Result<Option<u32>, std::sync::Arc<store::Error>> {
    let rendered = render(app, tenant, notification, notification.created_at).await?;
    Ok(rendered.map(|rendered| rendered.fragments))
}

/// Returns a sender as it is shown and used: one that is a phone number in its normalised form
/// (`docs/spec/public-api.md` §7).
pub(crate) fn display_sender(sender: &str) -> String {
    PhoneNumber::parse(sender).map_or_else(|_| sender.to_owned(), |number| number.normalised())
}
