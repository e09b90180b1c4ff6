//! The public API: what services, recipients and providers call.

use super::{Docs::Full, Route, route};
use crate::{
    auth::Auth::{
        Anyone, InternalV2, ProviderCredentials, Service, SignedBody, SignedLink, UnverifiedReceipt,
    },
    documents, letters,
    openapi::operations as docs,
    receipts, unsubscribe, v2,
};

#[rustfmt::skip]
pub(super) fn routes() -> Vec<Route> {
    vec![
        route!(POST "/v2/notifications/sms", Service, v2::send_sms, Full(docs::send_sms)),
        route!(POST "/v2/notifications/email", Service, v2::send_email, Full(docs::send_email)),
        route!(POST "/v2/notifications/letter", Service, v2::send_letter, Full(docs::send_letter)),
        // `GET` takes the last part of these paths for the id of a notification.
        route!(GET "/v2/notifications/sms", Service, v2::get_send_path, Full(docs::get_sms_path)),
        route!(GET "/v2/notifications/email", Service, v2::get_send_path, Full(docs::get_email_path)),
        route!(GET "/v2/notifications/letter", Service, v2::get_send_path, Full(docs::get_letter_path)),
        route!(POST "/v2/notifications/bulk", Service, v2::send_bulk, Full(docs::send_bulk)),
        route!(GET "/v2/jobs", Service, v2::list_jobs, Full(docs::list_jobs)),
        route!(GET "/v2/jobs/{id}", Service, v2::get_job, Full(docs::get_job)),
        route!(DELETE "/v2/jobs/{id}", Service, v2::cancel_job, Full(docs::cancel_job)),
        route!(GET "/v2/notifications", Service, v2::list_notifications, Full(docs::list_notifications)),
        route!(GET "/v2/notifications/{id}", Service, v2::get_notification, Full(docs::get_notification)),
        route!(POST "/v2/notifications/{id}", Service, v2::unknown_channel, Full(docs::unknown_channel)),
        route!(GET "/v2/notifications/{id}/pdf", Service, v2::get_pdf, Full(docs::get_pdf)),
        route!(GET "/v2/templates", Service, v2::list_templates, Full(docs::list_templates)),
        route!(GET "/v2/template/{id}", Service, v2::get_template, Full(docs::get_template)),
        route!(GET "/v2/template/{id}/version/{version}", Service, v2::get_template_version, Full(docs::get_template_version))
            .only_if("version", v2::is_version),
        route!(POST "/v2/template/{id}/preview", Service, v2::preview_template, Full(docs::preview_template)),
        route!(GET "/letter-rates/", InternalV2, letters::list_rates, Full(docs::list_rates)),
        route!(POST "/letters/returned", InternalV2, letters::report_returned, Full(docs::report_returned)),
        route!(GET "/v2/received-text-messages", Service, v2::list_received_texts, Full(docs::list_received_texts)),
        route!(GET "/v2/suppressions", Service, v2::list_suppressions, Full(docs::list_suppressions)),
        route!(POST "/v2/suppressions", Service, v2::add_suppression, Full(docs::add_suppression)),
        route!(DELETE "/v2/suppressions/{id}", Service, v2::remove_suppression, Full(docs::remove_suppression)),

        route!(POST "/notifications/sms/mmg", UnverifiedReceipt, receipts::receive_mmg_receipt, Full(docs::receive_mmg_receipt)),
        route!(POST "/notifications/sms/firetext", UnverifiedReceipt, receipts::receive_firetext_receipt, Full(docs::receive_firetext_receipt)),
        route!(POST "/notifications/sms/receive/mmg", ProviderCredentials, receipts::receive_mmg_text, Full(docs::receive_mmg_text)),
        route!(POST "/notifications/sms/receive/firetext", ProviderCredentials, receipts::receive_firetext_text, Full(docs::receive_firetext_text)),
        route!(POST "/notifications/sms/{provider}", SignedBody, receipts::receive_provider_receipt, Full(docs::receive_provider_receipt)),
        route!(POST "/notifications/sms/{provider}/{reference}", SignedBody, receipts::receive_provider_receipt_of, Full(docs::receive_provider_receipt_of)),
        route!(POST "/notifications/sms/receive/{provider}", SignedBody, receipts::receive_provider_text, Full(docs::receive_provider_text)),
        route!(POST "/notifications/amazon/sns", SignedBody, receipts::receive_sns_message, Full(docs::receive_sns_message)),
        route!(POST "/notifications/amazon/events", ProviderCredentials, receipts::receive_amazon_events, Full(docs::receive_amazon_events)),
        route!(POST "/notifications/letter/dvla", UnverifiedReceipt, receipts::receive_response_file, Full(docs::receive_response_file)),
        route!(POST "/notifications/letter/status", SignedLink, receipts::receive_letter_receipt, Full(docs::receive_letter_receipt)),

        route!(POST "/unsubscribe/{id}/{token}", SignedLink, unsubscribe::unsubscribe, Full(docs::unsubscribe)),
        route!(GET "/d/{document}/{key}", Anyone, documents::show_document, Full(docs::show_document)),
        route!(POST "/d/{document}/{key}", Anyone, documents::confirm_document, Full(docs::confirm_document)),
        route!(GET "/d/{document}/{key}/file", Anyone, documents::download_document, Full(docs::download_document)),
    ]
}
