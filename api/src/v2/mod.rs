//! The public API, version 2. One file for each endpoint.

mod get_notification;
mod list_notifications;
mod list_received_texts;
mod schema;
mod send_email;
mod send_sms;
mod show;

use serde::Serialize;

pub(crate) use get_notification::get_notification;
pub(crate) use list_notifications::list_notifications;
pub(crate) use list_received_texts::list_received_texts;
pub(crate) use schema::shown;
pub(crate) use send_email::send_email;
pub(crate) use send_sms::send_sms;

/// The answer to a message that was accepted (public-api §6.1). Fields in alphabetical order, as they are written.
#[derive(Debug, Serialize)]
struct Accepted<C> {
    content: C,
    id: domain::NotificationId,
    reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sanitised_content: Option<serde_json::Value>,
    /// Always null: nothing is scheduled here.
    scheduled_for: (),
    template: AcceptedTemplate,
    uri: String,
}

#[derive(Debug, Serialize)]
struct AcceptedTemplate {
    id: domain::TemplateId,
    uri: String,
    version: u32,
}

impl AcceptedTemplate {
    fn new(template: &app::Prepared, root: &str) -> Self {
        let template = &template.template;
        Self {
            id: template.id,
            uri: format!(
                "{root}services/{}/templates/{}",
                template.service_id, template.id
            ),
            version: template.version,
        }
    }
}
