//! Stored e-mails, rendered for a provider.

use ::templates::{
    emails::{Brand, Branding},
    placeholders::Values,
};
use domain::Timestamp;
use providers::Email;
use store::notifications::Notification;

use super::{Source, to_jiff};
use crate::{App, Tenant, cache::templates::Text};

/// Renders a stored e-mail. Returns nothing if its template is gone.
pub(crate) fn render(
    app: &App,
    tenant: &Tenant,
    notification: &Notification,
    source: Source,
    unsubscribe_url: Option<String>,
    now: Timestamp,
) -> Option<Email> {
    let Text::Email(text) = &source.template.as_deref()?.text else {
        return None;
    };
    let values = Values::from_json(source.contents.personalisation.reveal());
    let service = &tenant.service;
    let branding = Branding {
        brand: Some(Brand {
            name: Some(service.name.clone()),
            ..Brand::default()
        }),
    };
    Some(Email {
        id: notification.id.as_uuid(),
        at: to_jiff(now),
        from_name: service.name.clone(),
        from_address: format!(
            "{}@{}",
            service.email_sender_local_part, app.settings.email_domain
        ),
        to: source.contents.normalised.into_inner(),
        reply_to: notification.reply_to_text.clone(),
        subject: text.subject(&values),
        plain_body: text.plain_body(&values),
        html_body: text.html_page(&values, &branding),
        unsubscribe_url,
    })
}
