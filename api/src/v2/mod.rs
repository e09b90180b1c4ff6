//! The public API, version 2. One file for each endpoint.

mod bulk_body;
mod cancel_job;
mod fuzzed_bodies;
mod get_job;
mod get_notification;
mod get_pdf;
mod get_template;
mod https_urls;
mod idempotency;
mod iso_times;
mod job_response;
mod list_jobs;
mod list_notifications;
mod list_received_texts;
mod list_templates;
mod notification_response;
mod preview_template;
mod query;
mod request_body;
mod reserved_paths;
mod send_bulk;
mod send_email;
mod send_letter;
mod send_message;
mod send_sms;
mod suppressions;

/// Request bodies, for the OpenAPI document.
pub(crate) mod bodies {
    pub(crate) use super::{
        list_notifications::statuses,
        preview_template::PreviewBody,
        request_body::{INLAND_POSTAGE, Schema, Shape, missing_key},
        send_bulk::JobBody,
        send_email::EmailBody,
        send_letter::{LetterBody, PrecompiledLetterBody},
        send_sms::SmsBody,
    };
}

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use serde::Serialize;

use crate::{Api, problem::Problem};

pub(crate) use cancel_job::cancel_job;
pub(crate) use fuzzed_bodies::parse_any_body;
pub(crate) use get_job::get_job;
pub(crate) use get_notification::get_notification;
pub(crate) use get_pdf::get_pdf;
pub(crate) use get_template::{get_template, get_template_version, is_version};
pub(crate) use list_jobs::list_jobs;
pub(crate) use list_notifications::list_notifications;
pub(crate) use list_received_texts::list_received_texts;
pub(crate) use list_templates::list_templates;
pub(crate) use preview_template::preview_template;
pub(crate) use reserved_paths::{get_send_path, unknown_channel};
pub(crate) use send_bulk::send_bulk;
pub(crate) use send_email::send_email;
pub(crate) use send_letter::send_letter;
pub(crate) use send_sms::send_sms;
pub(crate) use suppressions::{
    add_suppression, invalid_recipient, list_suppressions, not_with_this_key, remove_suppression,
};

/// The id in a path, not parsed yet. One that is not UTF-8 is replaced, and then refused like any other invalid id.
pub(crate) struct IdInPath(pub(crate) String);

impl FromRequestParts<Api> for IdInPath {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Infallible> {
        let id = Path::<String>::from_request_parts(parts, api).await;
        Ok(Self(
            id.map_or_else(|_| String::from("\u{fffd}"), |Path(id)| id),
        ))
    }
}

/// Returns the 400 of an invalid id in a path.
pub(crate) fn invalid_id(name: &str) -> Problem {
    Problem::validation(vec![format!("{name} is not a valid UUID")])
}

/// The response to an accepted message (`docs/spec/public-api.md` §6.1). Fields in alphabetical order, as serialised.
#[derive(Debug, Serialize)]
struct Accepted<'a, C> {
    content: C,
    id: domain::NotificationId,
    reference: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sanitised_content: Option<serde_json::Value>,
    /// Always null: a single message cannot be scheduled.
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

impl<'a, C> Accepted<'a, C> {
    fn new(
        content: C,
        id: domain::NotificationId,
        reference: Option<&'a str>,
        template: &app::ParsedTemplate,
        root: &str,
    ) -> Self {
        Self {
            content,
            id,
            reference,
            sanitised_content: None,
            scheduled_for: (),
            template: AcceptedTemplate::new(template, root),
            uri: format!("{root}v2/notifications/{id}"),
        }
    }
}

impl AcceptedTemplate {
    fn new(template: &app::ParsedTemplate, root: &str) -> Self {
        let template = &template.template;
        Self {
            id: template.id,
            uri: format!(
                // The address of the administration site; only `GET` of a notification links to `/v2/template`
                // (`docs/spec/public-api.md` §6.1).
                "{root}services/{}/templates/{}",
                template.service_id, template.id
            ),
            version: template.version,
        }
    }
}
