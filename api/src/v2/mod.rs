//! The public API, version 2. One file for each endpoint.

mod get_notification;
mod get_pdf;
mod get_template;
mod list_notifications;
mod list_templates;
mod no_such_channel;
mod preview_template;
mod schema;
mod send_email;
mod send_letter;
mod send_sms;
mod show;

use serde::Serialize;

use crate::problem::Problem;

pub(crate) use get_notification::get_notification;
pub(crate) use get_pdf::get_pdf;
pub(crate) use get_template::{get_template, get_template_version};
pub(crate) use list_notifications::list_notifications;
pub(crate) use list_templates::list_templates;
pub(crate) use no_such_channel::{get_on_sending_path, send_otherwise};
pub(crate) use preview_template::preview_template;
pub(crate) use schema::shown;
pub(crate) use send_email::send_email;
pub(crate) use send_letter::send_letter;
pub(crate) use send_sms::send_sms;

/// What is said of an id in a path that is none.
fn not_an_id(name: &str) -> Problem {
    Problem::validation(vec![format!("{name} is not a valid UUID")])
}

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
