use serde_json::{Value, json};

use super::{
    examples::{LINK_TOKEN, MOMENT, NOTIFICATION},
    operation::Operation,
    refusals,
    shapes::id,
};
use crate::{problem::Problem, unsubscribe};

const RECIPIENTS: &str = "Recipients";
const RUNNING: &str = "Running it";
const HTML: &str = "text/html; charset=utf-8";
/// The type of the metrics, as it is answered.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        unsubscribe(),
        show_document(),
        confirm_document(),
        download_document(),
        status(
            "GET",
            "/_status",
            "status",
            "See whether the platform works",
        ),
        status(
            "POST",
            "/_status",
            "status_by_post",
            "See whether the platform works, by POST",
        ),
        status(
            "GET",
            "/",
            "status_at_root",
            "See whether the platform works, at the root",
        ),
        live_counts(),
        metrics(),
        get_openapi(),
        show_docs(),
    ]
}

fn text() -> Value {
    json!({"type": "string"})
}

fn unsubscribe() -> Operation {
    let done = json!({"message": "Unsubscribe successful", "result": "success"});
    Operation::new(
        "POST",
        "/unsubscribe/{id}/{token}",
        "unsubscribe",
        RECIPIENTS,
        "Unsubscribe with one click",
    )
    .about(
        "What a mail program does with the link in `List-Unsubscribe`. The body is ignored. A link is good for 365 days; \
         used again it says the same.",
    )
    .path("id", "The e-mail", id(), NOTIFICATION)
    .path("token", "What we signed", text(), LINK_TOKEN)
    .answers(200, "The wish is kept", "Unsubscribed", done)
    .refuses([
        ("not_a_link", unsubscribe::not_a_link()),
        ("expired", unsubscribe::invalid_or_expired()),
        ("unknown_path", crate::problem::unknown_path()),
    ])
    .refuses(refusals::anywhere_old())
}

/// The pages of a file that was sent by e-mail.
fn of_document(operation: Operation) -> Operation {
    operation
        .path("document", "The file", text(), "AbCdEfGhIjKlMnOpQrStUv")
        .path("key", "The key that opens it", text(), LINK_TOKEN)
        .answers_of(
            404,
            "The link leads nowhere, or no longer",
            HTML,
            text(),
            None,
        )
        .answers_of(500, "A page that says that we failed", HTML, text(), None)
        .refuses([("timeout", Problem::timeout().in_old_shape())])
}

fn show_document() -> Operation {
    of_document(
        Operation::new(
            "GET",
            "/d/{document}/{key}",
            "show_document",
            RECIPIENTS,
            "Open the page of a file",
        )
        .answers_of(
            200,
            "The page, which first asks for the address if the sender wanted that",
            HTML,
            text(),
            None,
        ),
    )
}

fn confirm_document() -> Operation {
    let form = json!({
        "type": "object",
        "properties": {"email_address": {"type": "string", "description": "The address that the e-mail went to."}},
    });
    let example = json!({"email_address": "ada@example.com"});
    let operation = Operation::new(
        "POST",
        "/d/{document}/{key}",
        "confirm_document",
        RECIPIENTS,
        "Confirm the address that a file went to",
    )
    .form(form, &[("address", "The form of the page", example)])
    .body_is_optional()
    .answers_nothing(303, "The page of the file, with a cookie that opens it")
    .with_header(303, "Location", "The page", text())
    .with_header(303, "Set-Cookie", "What opens the file for a while", text());
    of_document(operation)
        .answers_of(400, "No address was entered", HTML, text(), None)
        .answers_of(403, "It is another address", HTML, text(), None)
        .answers_of(429, "Too many were wrong", HTML, text(), None)
        .with_header(
            429,
            "Retry-After",
            "After how many seconds to try again",
            json!({"type": "integer"}),
        )
}

fn download_document() -> Operation {
    let operation = Operation::new(
        "GET",
        "/d/{document}/{key}/file",
        "download_document",
        RECIPIENTS,
        "Download a file",
    )
    .answers_of(
        200,
        "The file, of the type that it has",
        "application/octet-stream",
        text(),
        None,
    )
    .with_header(
        200,
        "Content-Disposition",
        "What the file is called",
        text(),
    )
    .answers_nothing(303, "The address must be confirmed first")
    .with_header(303, "Location", "The page that asks for it", text());
    of_document(operation)
}

fn status(
    method: &'static str,
    path: &'static str,
    id: &'static str,
    summary: &'static str,
) -> Operation {
    let shown = json!({
        "build_time": MOMENT,
        "db_bulk_version": null,
        "db_version": app::schema_version(),
        "git_commit": "5a99dae4d1c0f0a3b5b5f3c1f9f0a4b6c8d2e7f1",
        "status": "ok",
    });
    Operation::new(method, path, id, RUNNING, summary)
        .about("`ok` means that the database answers too, unless only `simple` is asked for.")
        .query(
            "simple",
            "Anything: do not ask the database.",
            json!({"type": "string"}),
        )
        .answers(200, "It works", "Status", shown)
        .answers(200, "", "Status", json!({"status": "ok"}))
        .refuses(refusals::anywhere_old())
}

fn live_counts() -> Operation {
    Operation::new(
        "GET",
        "/_status/live-service-and-organisation-counts",
        "live_counts",
        RUNNING,
        "Count the services that are live",
    )
    .about("Active, not in trial mode and counted as live; and the organisations that have such a service.")
    .answers(200, "The counts", "LiveCounts", json!({"organisations": 2, "services": 7}))
    .refuses(refusals::anywhere_old())
}

fn metrics() -> Operation {
    Operation::new("GET", "/metrics", "metrics", RUNNING, "Read the metrics")
        .about("In the text form of Prometheus. Do not let this path be reached from outside.")
        .answers_of(
            200,
            "The metrics",
            METRICS,
            text(),
            Some("# TYPE pillarbox_dead_letters gauge\npillarbox_dead_letters 0\n".into()),
        )
        .refuses([("timeout", Problem::timeout().in_old_shape())])
}

fn get_openapi() -> Operation {
    Operation::new(
        "GET",
        "/v2/openapi.json",
        "get_openapi",
        RUNNING,
        "Read this document",
    )
    .answers_of(
        200,
        "The document, OpenAPI 3.1",
        "application/json",
        json!({"type": "object"}),
        None,
    )
    .refuses([("timeout", Problem::timeout())])
}

fn show_docs() -> Operation {
    Operation::new(
        "GET",
        "/docs",
        "show_docs",
        RUNNING,
        "Read this document as a page",
    )
    .answers_of(200, "The page", HTML, text(), None)
    .refuses([("timeout", Problem::timeout().in_old_shape())])
}
