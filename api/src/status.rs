//! Health and metrics (`docs/spec/public-api.md` §20).

use axum::{
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use serde_json::json;

use crate::{Api, json, problem::Problem};

/// `GET /`, `GET` or `POST /_status`: `ok` means that the database responds, unless the query has `simple`.
pub(crate) async fn status(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = query.unwrap_or_default();
    let simple = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "simple");
    // For load balancers, which ask every few seconds: it costs no query.
    if simple.is_some_and(|(_, value)| !value.is_empty()) {
        return Ok(json::response(StatusCode::OK, &json!({"status": "ok"})));
    }
    let version = app::upkeep::status::database_version(&api.app)
        .await
        .map_err(Problem::legacy_internal)?;
    let body = json!({
        "status": "ok",
        "build_time": api.settings.build_time,
        "git_commit": api.settings.git_commit,
        "db_version": version,
        // The reference's replica database. There is none here, and null is what the contract says when it cannot be
        // read.
        "db_bulk_version": null,
    });
    Ok(json::response(StatusCode::OK, &body))
}

/// `GET /_status/live-service-and-organisation-counts`
pub(crate) async fn live_counts(State(api): State<Api>) -> Result<Response, Problem> {
    let counts = app::upkeep::status::live_counts(&api.app)
        .await
        .map_err(Problem::legacy_internal)?;
    let body = json!({"organisations": counts.organisations, "services": counts.services});
    Ok(json::response(StatusCode::OK, &body))
}

/// `GET /metrics`
pub(crate) async fn metrics(State(api): State<Api>) -> Response {
    let text = (api.settings.metrics)();
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        text,
    )
        .into_response()
}
