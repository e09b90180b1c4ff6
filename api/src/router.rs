//! Every route and its callers, readable from top to bottom. The attack test walks [`ROUTES`], so a route that is missing
//! here is found.

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, post},
};
use tower_http::catch_panic::CatchPanicLayer;

use crate::{Api, headers, internal, letters, problem, status, v2};

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callers {
    /// Anybody.
    Anybody,
    /// A service, with one of its keys.
    Service,
    /// An internal client.
    Internal,
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
    ("GET", "/", Callers::Anybody),
    ("GET", "/_status", Callers::Anybody),
    ("POST", "/_status", Callers::Anybody),
    ("GET", "/metrics", Callers::Anybody),
    ("GET", "/service", Callers::Internal),
    ("POST", "/service", Callers::Internal),
    ("POST", "/service/{service}", Callers::Internal),
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
    ("POST", "/service/{service}/sms-sender", Callers::Internal),
    (
        "POST",
        "/service/{service}/email-reply-to",
        Callers::Internal,
    ),
    ("POST", "/service/{service}/guest-list", Callers::Internal),
    ("POST", "/service/{service}/spreadsheet", Callers::Internal),
    ("GET", "/service/{service}/job", Callers::Internal),
    ("POST", "/service/{service}/job", Callers::Internal),
    ("GET", "/service/{service}/job/{job}", Callers::Internal),
    (
        "POST",
        "/service/{service}/job/{job}/cancel",
        Callers::Internal,
    ),
    ("GET", "/queue", Callers::Internal),
    ("GET", "/queue/dead", Callers::Internal),
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
        .route("/", get(status::status))
        .route("/_status", get(status::status).post(status::status))
        .route("/metrics", get(status::metrics))
        .route(
            "/service",
            get(internal::services::list_services).post(internal::services::create_service),
        )
        .route(
            "/service/{service}",
            post(internal::services::update_service),
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
            "/service/{service}/sms-sender",
            post(internal::senders::create_sms_sender),
        )
        .route(
            "/service/{service}/email-reply-to",
            post(internal::senders::create_reply_to),
        )
        .route(
            "/service/{service}/guest-list",
            post(internal::senders::add_guest),
        )
        .route(
            "/service/{service}/spreadsheet",
            post(internal::spreadsheets::upload_spreadsheet),
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
        .route("/queue", get(internal::queue::get_queue))
        .route("/queue/dead", get(internal::queue::list_dead_letters))
        .route(
            "/queue/dead/{task}/replay",
            post(internal::queue::replay_dead_letter),
        )
        .route("/sink", get(internal::sink::list_sink))
        .fallback(problem::no_such_path)
        .method_not_allowed_fallback(problem::wrong_method)
        // Uploads stream under a limit of their own; JSON bodies are read by `answer::read_body`, under its limit.
        .layer(DefaultBodyLimit::disable())
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(axum::middleware::map_response_with_state(
            api.clone(),
            headers::complete,
        ))
        .with_state(api)
}
