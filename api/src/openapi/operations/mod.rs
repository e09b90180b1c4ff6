//! The documentation of each public operation: title, description, parameters, examples and errors. The routes name these
//! functions.

mod jobs;
mod letters;
mod notifications;
mod platform;
mod providers;
mod received_texts;
mod recipients;
mod send;
mod suppressions;
mod templates;

pub(in crate::openapi) use self::providers::letter_status;
pub(crate) use self::providers::{
    receive_amazon_events, receive_firetext_receipt, receive_firetext_text, receive_letter_receipt,
    receive_mmg_receipt, receive_mmg_text, receive_provider_receipt, receive_provider_receipt_of,
    receive_provider_text, receive_response_file, receive_sns_message,
};
pub(crate) use self::templates::{
    get_template, get_template_version, list_templates, preview_template,
};
pub(crate) use jobs::{cancel_job, get_job, list_jobs, send_bulk};
pub(crate) use letters::{list_rates, report_returned};
pub(crate) use notifications::{
    get_email_path, get_letter_path, get_notification, get_pdf, get_sms_path, list_notifications,
};
pub(crate) use platform::{
    get_openapi, live_counts, metrics, show_docs, status, status_at_root, status_by_post,
};
pub(crate) use received_texts::list_received_texts;
pub(crate) use recipients::{confirm_document, download_document, show_document, unsubscribe};
pub(crate) use send::{send_email, send_letter, send_sms, unknown_channel};
pub(crate) use suppressions::{add_suppression, list_suppressions, remove_suppression};
