use serde_json::{Value, json};

use crate::openapi::{error_examples, examples::MOMENT, operation::Operation};
use crate::problem::Problem;

const TAG: &str = "Platform";
const HTML: &str = "text/html; charset=utf-8";
/// The content type of the metrics.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

fn text() -> Value {
    json!({"type": "string"})
}

pub(crate) fn status() -> Operation {
    health("Get the status of the platform")
}

pub(crate) fn status_by_post() -> Operation {
    health("Get the status of the platform with POST").id("status_by_post")
}

pub(crate) fn status_at_root() -> Operation {
    health("Get the status of the platform at the root").id("status_at_root")
}

fn health(title: &'static str) -> Operation {
    let example = json!({
        "build_time": MOMENT,
        "db_bulk_version": null,
        "db_version": app::schema_version(),
        "git_commit": "5a99dae4d1c0f0a3b5b5f3c1f9f0a4b6c8d2e7f1",
        "status": "ok",
    });
    Operation::new(TAG, title)
        .description(
            "`ok` means that the database responds as well, unless the query has `simple`.",
        )
        .query(
            "simple",
            "Any value: skip the database.",
            json!({"type": "string"}),
        )
        .responds(200, "The platform is healthy", "Status", example)
        .responds(200, "", "Status", json!({"status": "ok"}))
        .fails_with(error_examples::legacy_server_errors())
}

pub(crate) fn live_counts() -> Operation {
    Operation::new(TAG, "Count live services and organisations")
    .description("Counts services that are active, not in trial mode and counted as live, and the organisations that have one.")
    .responds(200, "The counts", "LiveCounts", json!({"organisations": 2, "services": 7}))
    .fails_with(error_examples::legacy_server_errors())
}

pub(crate) fn metrics() -> Operation {
    Operation::new(TAG, "Get metrics")
        .description("Returns metrics in the text format of Prometheus. Do not expose this path to the internet.")
        .responds_with(
            200,
            "The metrics",
            METRICS,
            text(),
            Some("# TYPE pillarbox_dead_letters gauge\npillarbox_dead_letters 0\n".into()),
        )
        .fails_with([("timeout", Problem::timeout().into_legacy())])
}

pub(crate) fn get_openapi() -> Operation {
    Operation::new(TAG, "Get the OpenAPI document")
        .responds_with(
            200,
            "The OpenAPI 3.1 document",
            "application/json",
            json!({"type": "object"}),
            None,
        )
        .fails_with([("timeout", Problem::timeout())])
}

pub(crate) fn show_docs() -> Operation {
    Operation::new(TAG, "Show the API reference as a page")
        .responds_with(200, "The page", HTML, text(), None)
        .fails_with([("timeout", Problem::timeout().into_legacy())])
}
