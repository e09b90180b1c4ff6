use axum::{
    extract::{Query, State},
    response::Response,
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Api, json, problem::Problem};

const STANDARD_LIMIT: usize = 50;
const MOST: usize = 1000;

#[derive(Debug, Deserialize)]
pub(crate) struct SinkQuery {
    channel: Option<domain::Channel>,
    limit: Option<usize>,
}

/// `GET /sink`: messages that the development provider received, newest first.
pub(crate) async fn list_sink(
    State(api): State<Api>,
    Query(query): Query<SinkQuery>,
) -> Result<Response, Problem> {
    let sink = api
        .settings
        .sink
        .clone()
        // Without the development provider, as in production, the endpoint looks as if it did not exist.
        .ok_or_else(Problem::legacy_not_found)?;
    let channel = query.channel;
    let limit = query.limit.unwrap_or(STANDARD_LIMIT).min(MOST);
    // Reads a directory, which may hold very many files.
    let looked = tokio::task::spawn_blocking(move || {
        Ok::<_, std::io::Error>((sink.count()?, sink.list(channel, limit)?))
    });
    let (counts, kept) = looked
        .await
        .map_err(Problem::legacy_internal)?
        .map_err(Problem::legacy_internal)?;
    let kept: Vec<Value> = kept
        .iter()
        .map(|one| {
            json!({
                "channel": one.channel.as_str(), "id": one.id, "to": one.to, "about": one.summary,
                "path": one.path, "at": one.at.to_string(), "copy": one.copy,
            })
        })
        .collect();
    let counts = json!({"email": counts.email, "sms": counts.sms, "letter": counts.letter});
    Ok(json::response(
        StatusCode::OK,
        &json!({"data": {"counts": counts, "kept": kept}}),
    ))
}
