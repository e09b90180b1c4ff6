//! Every route and its callers, readable from top to bottom. The attack test walks [`ROUTES`], so a route that is missing
//! here is found.

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, post},
};
use domain::CallbackKind;
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    Api, documents, headers, internal, letters, methods, openapi, patience, problem, receipts,
    status, unsubscribe, v2,
};

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callers {
    /// Anybody.
    Anybody,
    /// A service, with one of its keys.
    Service,
    /// An internal client.
    Internal,
    /// A provider, by Basic authentication.
    Provider,
    /// Anybody: a provider's receipt, which is believed only as far as it fits.
    Reporter,
    /// Who has a link that we made.
    LinkHolder,
}

/// A route: method, path, and who may call it.
pub type Route = (&'static str, &'static str, Callers);

/// The caller table.
pub const ROUTES: &[Route] = &[
    ("POST", "/v2/notifications/sms", Callers::Service),
    ("POST", "/v2/notifications/email", Callers::Service),
    ("POST", "/v2/notifications/letter", Callers::Service),
    ("GET", "/v2/notifications/sms", Callers::Service),
    ("GET", "/v2/notifications/email", Callers::Service),
    ("GET", "/v2/notifications/letter", Callers::Service),
    ("POST", "/v2/notifications/bulk", Callers::Service),
    ("GET", "/v2/jobs", Callers::Service),
    ("GET", "/v2/jobs/{id}", Callers::Service),
    ("DELETE", "/v2/jobs/{id}", Callers::Service),
    ("GET", "/v2/notifications", Callers::Service),
    ("GET", "/v2/notifications/{id}", Callers::Service),
    ("POST", "/v2/notifications/{id}", Callers::Service),
    ("GET", "/v2/notifications/{id}/pdf", Callers::Service),
    ("GET", "/v2/templates", Callers::Service),
    ("GET", "/v2/template/{id}", Callers::Service),
    (
        "GET",
        "/v2/template/{id}/version/{version}",
        Callers::Service,
    ),
    ("POST", "/v2/template/{id}/preview", Callers::Service),
    ("GET", "/letter-rates/", Callers::Internal),
    ("POST", "/letters/returned", Callers::Internal),
    ("GET", "/v2/received-text-messages", Callers::Service),
    ("GET", "/v2/openapi.json", Callers::Anybody),
    ("GET", "/docs", Callers::Anybody),
    ("POST", "/notifications/sms/mmg", Callers::Reporter),
    ("POST", "/notifications/sms/firetext", Callers::Reporter),
    ("POST", "/notifications/sms/receive/mmg", Callers::Provider),
    (
        "POST",
        "/notifications/sms/receive/firetext",
        Callers::Provider,
    ),
    ("POST", "/notifications/letter/status", Callers::LinkHolder),
    ("POST", "/unsubscribe/{id}/{token}", Callers::LinkHolder),
    ("GET", "/", Callers::Anybody),
    ("GET", "/_status", Callers::Anybody),
    ("POST", "/_status", Callers::Anybody),
    (
        "GET",
        "/_status/live-service-and-organisation-counts",
        Callers::Anybody,
    ),
    ("GET", "/metrics", Callers::Anybody),
    ("GET", "/d/{document}/{key}", Callers::Anybody),
    ("POST", "/d/{document}/{key}", Callers::Anybody),
    ("GET", "/d/{document}/{key}/file", Callers::Anybody),
    ("GET", "/organisations", Callers::Internal),
    ("POST", "/organisations", Callers::Internal),
    ("GET", "/organisations/{organisation}", Callers::Internal),
    ("POST", "/organisations/{organisation}", Callers::Internal),
    (
        "GET",
        "/organisations/{organisation}/services",
        Callers::Internal,
    ),
    (
        "POST",
        "/organisations/{organisation}/service",
        Callers::Internal,
    ),
    ("GET", "/user", Callers::Internal),
    ("POST", "/user", Callers::Internal),
    ("POST", "/user/email", Callers::Internal),
    ("GET", "/user/{user}", Callers::Internal),
    ("POST", "/user/{user}", Callers::Internal),
    (
        "POST",
        "/user/{user}/service/{service}/permission",
        Callers::Internal,
    ),
    ("GET", "/inbound-number", Callers::Internal),
    ("POST", "/inbound-number", Callers::Internal),
    (
        "GET",
        "/inbound-number/service/{service}",
        Callers::Internal,
    ),
    (
        "POST",
        "/inbound-number/service/{service}",
        Callers::Internal,
    ),
    (
        "POST",
        "/inbound-number/service/{service}/off",
        Callers::Internal,
    ),
    ("GET", "/service", Callers::Internal),
    ("POST", "/service", Callers::Internal),
    ("GET", "/service/{service}", Callers::Internal),
    ("POST", "/service/{service}", Callers::Internal),
    ("POST", "/service/{service}/archive", Callers::Internal),
    ("POST", "/service/{service}/suspend", Callers::Internal),
    ("POST", "/service/{service}/resume", Callers::Internal),
    ("GET", "/service/{service}/users", Callers::Internal),
    ("POST", "/service/{service}/users/{user}", Callers::Internal),
    (
        "DELETE",
        "/service/{service}/users/{user}",
        Callers::Internal,
    ),
    ("GET", "/service/{service}/api-keys", Callers::Internal),
    ("POST", "/service/{service}/api-key", Callers::Internal),
    (
        "POST",
        "/service/{service}/api-key/revoke/{key}",
        Callers::Internal,
    ),
    ("GET", "/service/{service}/template", Callers::Internal),
    ("POST", "/service/{service}/template", Callers::Internal),
    (
        "GET",
        "/service/{service}/template/{template}",
        Callers::Internal,
    ),
    (
        "POST",
        "/service/{service}/template/{template}",
        Callers::Internal,
    ),
    (
        "GET",
        "/service/{service}/template/{template}/version/{version}",
        Callers::Internal,
    ),
    (
        "GET",
        "/service/{service}/template/{template}/versions",
        Callers::Internal,
    ),
    (
        "GET",
        "/service/{service}/template-folder",
        Callers::Internal,
    ),
    (
        "POST",
        "/service/{service}/template-folder",
        Callers::Internal,
    ),
    (
        "POST",
        "/service/{service}/template-folder/contents",
        Callers::Internal,
    ),
    (
        "POST",
        "/service/{service}/template-folder/{folder}",
        Callers::Internal,
    ),
    (
        "DELETE",
        "/service/{service}/template-folder/{folder}",
        Callers::Internal,
    ),
    (
        "POST",
        "/service/{service}/template-folder/{folder}/contents",
        Callers::Internal,
    ),
    (
        "GET",
        "/service/{service}/template/{template}/file",
        Callers::Internal,
    ),
    (
        "POST",
        "/service/{service}/template/{template}/file",
        Callers::Internal,
    ),
    (
        "POST",
        "/service/{service}/template/{template}/file/{file}/archive",
        Callers::Internal,
    ),
    ("GET", "/service/{service}/sms-sender", Callers::Internal),
    ("POST", "/service/{service}/sms-sender", Callers::Internal),
    (
        "GET",
        "/service/{service}/sms-sender/{sender}",
        Callers::Internal,
    ),
    (
        "POST",
        "/service/{service}/sms-sender/{sender}",
        Callers::Internal,
    ),
    (
        "POST",
        "/service/{service}/sms-sender/{sender}/archive",
        Callers::Internal,
    ),
    (
        "GET",
        "/service/{service}/email-reply-to",
        Callers::Internal,
    ),
    (
        "POST",
        "/service/{service}/email-reply-to",
        Callers::Internal,
    ),
    (
        "GET",
        "/service/{service}/email-reply-to/{reply_to}",
        Callers::Internal,
    ),
    (
        "POST",
        "/service/{service}/email-reply-to/{reply_to}",
        Callers::Internal,
    ),
    (
        "POST",
        "/service/{service}/email-reply-to/{reply_to}/archive",
        Callers::Internal,
    ),
    (
        "GET",
        "/service/{service}/letter-contact",
        Callers::Internal,
    ),
    (
        "POST",
        "/service/{service}/letter-contact",
        Callers::Internal,
    ),
    (
        "GET",
        "/service/{service}/letter-contact/{contact}",
        Callers::Internal,
    ),
    (
        "POST",
        "/service/{service}/letter-contact/{contact}",
        Callers::Internal,
    ),
    (
        "POST",
        "/service/{service}/letter-contact/{contact}/archive",
        Callers::Internal,
    ),
    ("GET", "/service/{service}/guest-list", Callers::Internal),
    ("PUT", "/service/{service}/guest-list", Callers::Internal),
    ("POST", "/service/{service}/guest-list", Callers::Internal),
    (
        "GET",
        "/service/{service}/delivery-receipt-api",
        Callers::Internal,
    ),
    (
        "POST",
        "/service/{service}/delivery-receipt-api",
        Callers::Internal,
    ),
    (
        "DELETE",
        "/service/{service}/delivery-receipt-api",
        Callers::Internal,
    ),
    ("GET", "/service/{service}/inbound-api", Callers::Internal),
    ("POST", "/service/{service}/inbound-api", Callers::Internal),
    (
        "DELETE",
        "/service/{service}/inbound-api",
        Callers::Internal,
    ),
    (
        "GET",
        "/service/{service}/returned-letter-api",
        Callers::Internal,
    ),
    (
        "POST",
        "/service/{service}/returned-letter-api",
        Callers::Internal,
    ),
    (
        "DELETE",
        "/service/{service}/returned-letter-api",
        Callers::Internal,
    ),
    ("GET", "/service/{service}/complaint-api", Callers::Internal),
    (
        "POST",
        "/service/{service}/complaint-api",
        Callers::Internal,
    ),
    (
        "DELETE",
        "/service/{service}/complaint-api",
        Callers::Internal,
    ),
    (
        "GET",
        "/service/{service}/data-retention",
        Callers::Internal,
    ),
    (
        "POST",
        "/service/{service}/data-retention",
        Callers::Internal,
    ),
    (
        "GET",
        "/service/{service}/data-retention/{retention}",
        Callers::Internal,
    ),
    (
        "POST",
        "/service/{service}/data-retention/{retention}",
        Callers::Internal,
    ),
    ("POST", "/service/{service}/spreadsheet", Callers::Internal),
    ("GET", "/service/{service}/contact-list", Callers::Internal),
    ("POST", "/service/{service}/contact-list", Callers::Internal),
    (
        "GET",
        "/service/{service}/contact-list/{list}",
        Callers::Internal,
    ),
    (
        "DELETE",
        "/service/{service}/contact-list/{list}",
        Callers::Internal,
    ),
    ("GET", "/service/{service}/job", Callers::Internal),
    ("POST", "/service/{service}/job", Callers::Internal),
    ("GET", "/service/{service}/job/{job}", Callers::Internal),
    (
        "POST",
        "/service/{service}/job/{job}/cancel",
        Callers::Internal,
    ),
    (
        "POST",
        "/service/{service}/job/{job}/cancel-letter-job",
        Callers::Internal,
    ),
    (
        "POST",
        "/service/{service}/notifications/{notification}/cancel",
        Callers::Internal,
    ),
    (
        "POST",
        "/service/{service}/job/{job}/pause",
        Callers::Internal,
    ),
    (
        "POST",
        "/service/{service}/job/{job}/resume",
        Callers::Internal,
    ),
    (
        "POST",
        "/service/{service}/job/{job}/row/{row}",
        Callers::Internal,
    ),
    ("GET", "/queue", Callers::Internal),
    ("GET", "/queue/dead", Callers::Internal),
    ("GET", "/queue/dead/{task}", Callers::Internal),
    ("POST", "/queue/dead/{task}/replay", Callers::Internal),
    ("GET", "/sink", Callers::Internal),
];

/// The whole HTTP side.
pub fn router(api: Api) -> Router {
    Router::new()
        .route(
            "/v2/notifications/sms",
            post(v2::send_sms).get(v2::get_on_sending_path),
        )
        .route(
            "/v2/notifications/email",
            post(v2::send_email).get(v2::get_on_sending_path),
        )
        .route(
            "/v2/notifications/letter",
            post(v2::send_letter).get(v2::get_on_sending_path),
        )
        .route("/v2/notifications/bulk", post(v2::send_bulk))
        .route("/v2/jobs", get(v2::list_jobs))
        .route("/v2/jobs/{id}", get(v2::get_job).delete(v2::cancel_job))
        .route("/v2/notifications", get(v2::list_notifications))
        .route(
            "/v2/notifications/{id}",
            get(v2::get_notification).post(v2::send_otherwise),
        )
        .route("/v2/notifications/{id}/pdf", get(v2::get_pdf))
        .route("/v2/templates", get(v2::list_templates))
        .route("/v2/template/{id}", get(v2::get_template))
        .route(
            "/v2/template/{id}/version/{version}",
            get(v2::get_template_version),
        )
        .route("/v2/template/{id}/preview", post(v2::preview_template))
        .route("/letter-rates/", get(letters::list_rates))
        .route("/letters/returned", post(letters::report_returned))
        .route("/v2/received-text-messages", get(v2::list_received_texts))
        .route("/v2/openapi.json", get(openapi::get_openapi))
        .route("/docs", get(openapi::show_docs))
        .route("/notifications/sms/mmg", post(receipts::hear_mmg))
        .route("/notifications/sms/firetext", post(receipts::hear_firetext))
        .route(
            "/notifications/sms/receive/mmg",
            post(receipts::receive_mmg),
        )
        .route(
            "/notifications/sms/receive/firetext",
            post(receipts::receive_firetext),
        )
        .route("/notifications/letter/status", post(receipts::hear_letter))
        .route("/unsubscribe/{id}/{token}", post(unsubscribe::unsubscribe))
        .route("/", get(status::status))
        .route("/_status", get(status::status).post(status::status))
        .route(
            "/_status/live-service-and-organisation-counts",
            get(status::live_counts),
        )
        .route("/metrics", get(status::metrics))
        .route(
            "/d/{document}/{key}",
            get(documents::show_document).post(documents::confirm_document),
        )
        .route(
            "/d/{document}/{key}/file",
            get(documents::download_document),
        )
        .route(
            "/organisations",
            get(internal::organisations::list_organisations)
                .post(internal::organisations::create_organisation),
        )
        .route(
            "/organisations/{organisation}",
            get(internal::organisations::get_organisation)
                .post(internal::organisations::update_organisation),
        )
        .route(
            "/organisations/{organisation}/services",
            get(internal::organisations::list_organisation_services),
        )
        .route(
            "/organisations/{organisation}/service",
            post(internal::organisations::adopt_service),
        )
        .route(
            "/user",
            get(internal::users::list_users).post(internal::users::create_user),
        )
        .route("/user/email", post(internal::users::find_user_by_email))
        .route(
            "/user/{user}",
            get(internal::users::get_user).post(internal::users::update_user),
        )
        .route(
            "/user/{user}/service/{service}/permission",
            post(internal::members::set_member_permissions),
        )
        .route(
            "/inbound-number",
            get(internal::inbound_numbers::list_inbound_numbers)
                .post(internal::inbound_numbers::create_inbound_number),
        )
        .route(
            "/inbound-number/service/{service}",
            get(internal::inbound_numbers::get_inbound_number)
                .post(internal::inbound_numbers::assign_inbound_number),
        )
        .route(
            "/inbound-number/service/{service}/off",
            post(internal::inbound_numbers::free_inbound_number),
        )
        .route(
            "/service",
            get(internal::services::list_services).post(internal::services::create_service),
        )
        .route(
            "/service/{service}",
            get(internal::services::get_service).post(internal::services::update_service),
        )
        .route(
            "/service/{service}/archive",
            post(internal::services::archive_service),
        )
        .route(
            "/service/{service}/suspend",
            post(internal::services::suspend_service),
        )
        .route(
            "/service/{service}/resume",
            post(internal::services::resume_service),
        )
        .route(
            "/service/{service}/users",
            get(internal::members::list_members),
        )
        .route(
            "/service/{service}/users/{user}",
            post(internal::members::add_member).delete(internal::members::remove_member),
        )
        .route(
            "/service/{service}/api-keys",
            get(internal::api_keys::list_api_keys),
        )
        .route(
            "/service/{service}/api-key",
            post(internal::api_keys::create_api_key),
        )
        .route(
            "/service/{service}/api-key/revoke/{key}",
            post(internal::api_keys::revoke_api_key),
        )
        .route(
            "/service/{service}/template",
            get(internal::templates::list_templates).post(internal::templates::create_template),
        )
        .route(
            "/service/{service}/template/{template}",
            get(internal::templates::get_template).post(internal::templates::update_template),
        )
        .route(
            "/service/{service}/template/{template}/file",
            get(internal::template_files::list_template_files)
                .post(internal::template_files::add_template_file),
        )
        .route(
            "/service/{service}/template/{template}/file/{file}/archive",
            post(internal::template_files::archive_template_file),
        )
        .route(
            "/service/{service}/template/{template}/version/{version}",
            get(internal::templates::get_template_version),
        )
        .route(
            "/service/{service}/template/{template}/versions",
            get(internal::templates::list_template_versions),
        )
        .route(
            "/service/{service}/template-folder",
            get(internal::folders::list_template_folders)
                .post(internal::folders::create_template_folder),
        )
        .route(
            "/service/{service}/template-folder/contents",
            post(internal::folders::move_out_of_folders),
        )
        .route(
            "/service/{service}/template-folder/{folder}",
            post(internal::folders::rename_template_folder)
                .delete(internal::folders::delete_template_folder),
        )
        .route(
            "/service/{service}/template-folder/{folder}/contents",
            post(internal::folders::move_to_folder),
        )
        .route(
            "/service/{service}/sms-sender",
            get(internal::sms_senders::list_sms_senders)
                .post(internal::sms_senders::create_sms_sender),
        )
        .route(
            "/service/{service}/sms-sender/{sender}",
            get(internal::sms_senders::get_sms_sender)
                .post(internal::sms_senders::update_sms_sender),
        )
        .route(
            "/service/{service}/sms-sender/{sender}/archive",
            post(internal::sms_senders::archive_sms_sender),
        )
        .route(
            "/service/{service}/email-reply-to",
            get(internal::reply_tos::list_reply_tos).post(internal::reply_tos::create_reply_to),
        )
        .route(
            "/service/{service}/email-reply-to/{reply_to}",
            get(internal::reply_tos::get_reply_to).post(internal::reply_tos::update_reply_to),
        )
        .route(
            "/service/{service}/email-reply-to/{reply_to}/archive",
            post(internal::reply_tos::archive_reply_to),
        )
        .route(
            "/service/{service}/letter-contact",
            get(internal::letter_contacts::list_letter_contacts)
                .post(internal::letter_contacts::create_letter_contact),
        )
        .route(
            "/service/{service}/letter-contact/{contact}",
            get(internal::letter_contacts::get_letter_contact)
                .post(internal::letter_contacts::update_letter_contact),
        )
        .route(
            "/service/{service}/letter-contact/{contact}/archive",
            post(internal::letter_contacts::archive_letter_contact),
        )
        .route(
            "/service/{service}/guest-list",
            get(internal::guests::get_guest_list)
                .put(internal::guests::replace_guest_list)
                .post(internal::guests::add_guest),
        )
        .route(
            "/service/{service}/delivery-receipt-api",
            internal::callbacks::of(CallbackKind::DeliveryStatus),
        )
        .route(
            "/service/{service}/inbound-api",
            internal::callbacks::of(CallbackKind::InboundSms),
        )
        .route(
            "/service/{service}/returned-letter-api",
            internal::callbacks::of(CallbackKind::ReturnedLetter),
        )
        .route(
            "/service/{service}/complaint-api",
            internal::callbacks::of(CallbackKind::Complaint),
        )
        .route(
            "/service/{service}/data-retention",
            get(internal::retention::list_data_retention)
                .post(internal::retention::create_data_retention),
        )
        .route(
            "/service/{service}/data-retention/{retention}",
            get(internal::retention::get_data_retention)
                .post(internal::retention::update_data_retention),
        )
        .route(
            "/service/{service}/spreadsheet",
            post(internal::spreadsheets::upload_spreadsheet),
        )
        .route(
            "/service/{service}/contact-list",
            get(internal::contact_lists::list_contact_lists)
                .post(internal::contact_lists::create_contact_list),
        )
        .route(
            "/service/{service}/contact-list/{list}",
            get(internal::contact_lists::get_contact_list)
                .delete(internal::contact_lists::archive_contact_list),
        )
        .route(
            "/service/{service}/job",
            get(internal::jobs::list_jobs).post(internal::jobs::create_job),
        )
        .route("/service/{service}/job/{job}", get(internal::jobs::get_job))
        .route(
            "/service/{service}/job/{job}/cancel",
            post(internal::jobs::cancel_job),
        )
        .route(
            "/service/{service}/job/{job}/cancel-letter-job",
            post(internal::jobs::cancel_letter_job),
        )
        .route(
            "/service/{service}/notifications/{notification}/cancel",
            post(internal::notifications::cancel_letter),
        )
        .route(
            "/service/{service}/job/{job}/pause",
            post(internal::jobs::pause_job),
        )
        .route(
            "/service/{service}/job/{job}/resume",
            post(internal::jobs::resume_job),
        )
        .route(
            "/service/{service}/job/{job}/row/{row}",
            post(internal::jobs::redo_row),
        )
        .route("/queue", get(internal::queue::get_queue))
        .route("/queue/dead", get(internal::queue::list_dead_letters))
        .route("/queue/dead/{task}", get(internal::queue::get_dead_letter))
        .route(
            "/queue/dead/{task}/replay",
            post(internal::queue::replay_dead_letter),
        )
        .route("/sink", get(internal::sink::list_sink))
        .fallback(problem::no_such_path)
        .method_not_allowed_fallback(methods::another_method)
        // Uploads stream under a limit of their own; JSON bodies are read by `answer::read_body`, under its limit.
        .layer(DefaultBodyLimit::disable())
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(axum::middleware::from_fn_with_state(
            api.clone(),
            patience::serve_in_time,
        ))
        .layer(axum::middleware::from_fn_with_state(
            api.clone(),
            headers::complete,
        ))
        .with_state(api)
}
