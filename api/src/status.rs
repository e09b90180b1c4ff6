//! Is it there (public-api §20), and the metrics.

use axum::{
    extract::{Query, State},
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::json;

use crate::{Api, answer, problem::Problem};

#[derive(Debug, Deserialize)]
pub(crate) struct Simple {
    #[serde(default)]
    simple: String,
}

/// `GET /`, `GET` or `POST /_status`: `ok` means that the database answers.
pub(crate) async fn status(
    State(api): State<Api>,
    query: Query<Simple>,
) -> Result<Response, Problem> {
    if !query.simple.is_empty() {
        return Ok(answer::json(StatusCode::OK, &json!({"status": "ok"})));
    }
    api.app.read().await.map_err(Problem::fault_old)?;
    let body = json!({
        "status": "ok",
        "build_time": null,
        "git_commit": api.settings.git_commit,
        "db_version": app::schema_version(),
        "db_bulk_version": null,
    });
    Ok(answer::json(StatusCode::OK, &body))
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
